#ifndef DARKROOM_SERVER_GENERATION_LISTENER_H_
#define DARKROOM_SERVER_GENERATION_LISTENER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "batcher/planner.h"
#include "darkroom/v1/image_generation.pb.h"

namespace darkroom {

// How a generation ended.
struct GenerationResult {
  absl::Status status;
  std::string request_id;
  std::vector<std::shared_ptr<const v1::Image>> images;  // All of them, in order, when it is OK.
  v1::GenerationStats stats;                             // Likewise; but for `total`.
};

// Hears what becomes of a generation. Called from any thread, several at once, and now and then
// after it has left; must not block. Images may come twice, and late ones only with the end.
class GenerationListener {
 public:
  virtual ~GenerationListener() = default;

  // The rows were accepted. Once, unless it ends with an error; what follows may be heard first.
  virtual void OnQueued(const std::string& /*request_id*/,
                        absl::FunctionRef<QueuePlace()> /*place*/) {}
  virtual void OnProgress(const v1::Progress& /*progress*/) {}
  // Whether to make a preview of this image, which has just had this step.
  virtual bool WantsPreview(size_t /*index*/, int /*step*/) { return false; }
  virtual void OnPreview(const v1::Preview& /*preview*/) {}
  virtual void OnImage(const std::shared_ptr<const v1::Image>& /*image*/) {}
  // Once, unless it has left.
  virtual void OnEnd(const GenerationResult& result) = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_GENERATION_LISTENER_H_
