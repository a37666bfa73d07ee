#include "model/sdxl_checkpoint.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoint/checkpoint_hash.h"
#include "model/checkpoint/config_reader.h"

namespace darkroom {
namespace {

struct ModelIndex {
  bool zeros_for_absent_negative = true;
};

absl::StatusOr<ModelIndex> ReadModelIndex(const std::string& folder) {
  absl::StatusOr<ConfigReader> reader = ConfigReader::Open(folder + "/model_index.json");
  if (!reader.ok()) return reader.status();
  const std::string kind = reader->String("_class_name", "");
  if (kind != "StableDiffusionXLPipeline") {
    reader->Refuse(absl::StrCat("_class_name = \"", kind.substr(0, 64),
                                "\" is not StableDiffusionXLPipeline"));
  }
  reader->Ignore({"scheduler"});  // Its own file says what it is.
  reader->Expect("text_encoder", {{"transformers", "CLIPTextModel"}});
  reader->Expect("text_encoder_2", {{"transformers", "CLIPTextModelWithProjection"}});
  reader->Expect("tokenizer", {{"transformers", "CLIPTokenizer"}});
  reader->Expect("tokenizer_2", {{"transformers", "CLIPTokenizer"}});
  reader->Expect("unet", {{"diffusers", "UNet2DConditionModel"}});
  reader->Expect("vae", {{"diffusers", "AutoencoderKL"}});
  // The watermark is a choice of diffusers' callers; the others are null in SDXL.
  reader->Ignore({"add_watermarker", "feature_extractor", "image_encoder"});
  const ModelIndex index{reader->Bool("force_zeros_for_empty_prompt", true)};
  if (absl::Status s = reader->Finish(); !s.ok()) return s;
  return index;
}

at::ScalarType ToScalarType(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFloat16:
    case Dtype::kFloat8: return at::kHalf;
    case Dtype::kBfloat16: return at::kBFloat16;
    default: return at::kFloat;
  }
}

std::string FolderName(absl::string_view folder) {
  while (absl::EndsWith(folder, "/")) folder.remove_suffix(1);
  return std::string(folder.substr(folder.rfind('/') + 1));
}

// Refuses parts that were not made for each other, in words instead of at the first matrix product.
absl::Status CheckFit(const SdxlCheckpoint& checkpoint) {
  const UNetConfig& unet = checkpoint.unet.config();
  const PromptEncoder& prompts = checkpoint.prompts;
  for (const int64_t width : unet.context_width) {
    if (width == prompts.width()) continue;
    return absl::InvalidArgumentError(absl::StrCat("unet: cross_attention_dim is ", width,
                                                   ", the text encoders give ", prompts.width()));
  }
  if (unet.added_width != 6 * unet.time_id_width + prompts.projection()) {
    return absl::InvalidArgumentError(
        absl::StrCat("unet: projection_class_embeddings_input_dim is ", unet.added_width,
                     ", not 6 x addition_time_embed_dim ", unet.time_id_width,
                     " + the projection of text_encoder_2 ", prompts.projection()));
  }
  const int64_t latents = checkpoint.vae.config().latent_channels;
  if (unet.in_channels != latents || unet.out_channels != latents) {
    return absl::InvalidArgumentError(absl::StrCat("unet: in_channels ", unet.in_channels,
                                                   " and out_channels ", unet.out_channels,
                                                   " must equal the VAE's ", latents));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SdxlCheckpoint> SdxlCheckpoint::Load(const std::string& folder, at::Device device,
                                                    Dtype dtype, std::optional<Dtype> vae_dtype) {
  const auto placement = [&](Dtype d) { return at::TensorOptions(device).dtype(ToScalarType(d)); };
  absl::StatusOr<ModelIndex> index = ReadModelIndex(folder);
  if (!index.ok()) return index.status();
  absl::StatusOr<SchedulerConfig> scheduler =
      SchedulerConfig::Read(folder + "/scheduler/scheduler_config.json");
  if (!scheduler.ok()) return scheduler.status();
  absl::StatusOr<PromptEncoder> prompts = PromptEncoder::Load(folder, placement(dtype));
  if (!prompts.ok()) return prompts.status();
  absl::StatusOr<UNet> unet =
      UNet::Load(folder + "/unet", placement(dtype), dtype == Dtype::kFloat8);
  if (!unet.ok()) return unet.status();
  const std::string vae_folder = folder + "/vae";
  absl::StatusOr<VaeConfig> vae_config = VaeConfig::Read(vae_folder + "/config.json");
  if (!vae_config.ok()) return vae_config.status();
  const Dtype vae_or_default = vae_dtype.value_or(vae_config->force_upcast  ? Dtype::kFloat32
                                                  : dtype == Dtype::kFloat8 ? Dtype::kFloat16
                                                                            : dtype);
  absl::StatusOr<Vae> vae = Vae::Load(vae_folder, *vae_config, placement(vae_or_default));
  if (!vae.ok()) return vae.status();
  std::optional<Vae> exact_vae;
  if (vae_or_default != Dtype::kFloat32) {
    absl::StatusOr<Vae> exact = Vae::Load(vae_folder, *vae_config, placement(Dtype::kFloat32));
    if (!exact.ok()) return exact.status();
    exact_vae = *std::move(exact);
  }
  absl::StatusOr<std::string> hash = HashCheckpoint(folder);
  if (!hash.ok()) return hash.status();
  SdxlCheckpoint checkpoint{.id = FolderName(folder),
                            .hash = *std::move(hash),
                            .zeros_for_absent_negative = index->zeros_for_absent_negative,
                            .dtype = dtype,
                            .vae_dtype = vae_or_default,
                            .prompts = *std::move(prompts),
                            .unet = *std::move(unet),
                            .vae = *std::move(vae),
                            .exact_vae = std::move(exact_vae),
                            .scheduler = Scheduler(*scheduler)};
  if (absl::Status s = CheckFit(checkpoint); !s.ok()) return s;
  return checkpoint;
}

}  // namespace darkroom
