#ifndef DARKROOM_MODEL_CUDA_CUDA_GRAPH_H_
#define DARKROOM_MODEL_CUDA_CUDA_GRAPH_H_

namespace darkroom {

// What was put on a GPU once, to be put there again with a single launch, in the same memory.
class CudaGraph {
 public:
  virtual ~CudaGraph() = default;

  // On torch's current stream. One graph of a GPU at a time: all share one pool of memory.
  virtual void Replay() = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_CUDA_CUDA_GRAPH_H_
