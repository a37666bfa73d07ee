#include "model/guidance.h"

#include <ATen/ATen.h>

namespace darkroom {

at::Tensor Guide(const at::Tensor& wanted, const at::Tensor& unwanted, double scale,
                 double rescale) {
  const at::Tensor guided = unwanted + scale * (wanted - unwanted);
  if (rescale <= 0) return guided;
  const at::Tensor rescaled = guided * (wanted.std() / guided.std());
  return rescale * rescaled + (1 - rescale) * guided;
}

}  // namespace darkroom
