#include "server/inference/infer_response.h"

#include <string>
#include <vector>

#include "server/inference/model_description.h"
#include "server/inference/raw_tensor.h"

namespace darkroom {
namespace {

std::string PackFiles(std::span<const InferredImage> images) {
  std::vector<std::string_view> files;
  for (const InferredImage& image : images) files.push_back(image.file);
  return PackBytes(files);
}

std::string PackSeeds(std::span<const InferredImage> images) {
  std::vector<uint64_t> seeds;
  for (const InferredImage& image : images) seeds.push_back(image.seed);
  return PackNumbers<uint64_t>(seeds);
}

}  // namespace

void FillInferResponse(const inference::ModelInferRequest& request,
                       std::span<const InferOutput> outputs, std::span<const InferredImage> images,
                       inference::ModelInferResponse& response) {
  response.set_model_name(request.model_name());
  response.set_model_version(kModelVersion);
  response.set_id(request.id());
  for (const InferOutput output : outputs) {
    inference::ModelInferResponse::InferOutputTensor& tensor = *response.add_outputs();
    tensor.set_name(std::string(SpecOf(output).name));
    tensor.set_datatype(std::string(SpecOf(output).datatype));
    tensor.add_shape(static_cast<int64_t>(images.size()));
    tensor.add_shape(1);
    response.add_raw_output_contents(output == InferOutput::kImage ? PackFiles(images)
                                                                   : PackSeeds(images));
  }
}

}  // namespace darkroom
