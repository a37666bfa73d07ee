#include "model/guidance.h"

#include <ATen/ATen.h>

namespace darkroom {

at::Tensor Guide(const at::Tensor& wanted, const at::Tensor& unwanted, const at::Tensor& scale,
                 const at::Tensor& rescale) {
  const at::Tensor guided = unwanted + scale * (wanted - unwanted);
  if (!rescale.any().item<bool>()) return guided;
  const auto spread = [](const at::Tensor& t) {
    return t.std(at::IntArrayRef{1, 2, 3}, /*unbiased=*/true, /*keepdim=*/true);
  };
  const at::Tensor rescaled = guided * (spread(wanted) / spread(guided));
  return at::where(rescale > 0, rescale * rescaled + (1 - rescale) * guided, guided);
}

}  // namespace darkroom
