#include "model/vae/vae_config.h"

#include "absl/strings/str_cat.h"
#include "model/checkpoint/config_reader.h"

namespace darkroom {
namespace {

void CheckBlockTypes(ConfigReader& reader, const std::string& key, const std::string& supported,
                     size_t levels) {
  const std::vector<std::string> types = reader.Strings(key);
  for (const std::string& type : types) {
    if (type == supported) continue;
    reader.Refuse(absl::StrCat(key, " = ", type.substr(0, 64), " is not supported"));
  }
  if (types.size() == levels) return;
  reader.Refuse(absl::StrCat(key, " must name ", levels, " blocks, not ", types.size()));
}

}  // namespace

absl::StatusOr<VaeConfig> VaeConfig::Read(const std::string& path) {
  absl::StatusOr<ConfigReader> reader = ConfigReader::Open(path);
  if (!reader.ok()) return reader.status();
  reader->Expect("act_fn", {"silu"});
  reader->Expect("latents_mean", {});
  reader->Expect("latents_std", {});
  reader->Expect("shift_factor", {});
  reader->Expect("out_channels", {3});
  VaeConfig config;
  config.image_channels = reader->Size("in_channels", config.image_channels);
  config.latent_channels = reader->Size("latent_channels", config.latent_channels);
  config.channels = reader->SizeList("block_out_channels");
  config.resnets = reader->Size("layers_per_block", config.resnets, kMaxLayers);
  config.groups = reader->Size("norm_num_groups", config.groups);
  config.mid_attention = reader->Bool("mid_block_add_attention", config.mid_attention);
  config.quant_conv = reader->Bool("use_quant_conv", config.quant_conv);
  config.force_upcast = reader->Bool("force_upcast", config.force_upcast);
  config.sample_size = reader->Size("sample_size", config.sample_size);
  config.post_quant_conv = reader->Bool("use_post_quant_conv", config.post_quant_conv);
  config.scaling_factor = reader->Number("scaling_factor", config.scaling_factor);
  CheckBlockTypes(*reader, "down_block_types", "DownEncoderBlock2D", config.channels.size());
  CheckBlockTypes(*reader, "up_block_types", "UpDecoderBlock2D", config.channels.size());
  if (config.image_channels != 3) reader->Refuse("in_channels must be 3");
  if (config.scaling_factor <= 0) reader->Refuse("scaling_factor must be positive");
  for (const int64_t channels : config.channels) {
    if (channels % config.groups == 0) continue;
    reader->Refuse(absl::StrCat("block_out_channels ", channels,
                                " is not a multiple of norm_num_groups ", config.groups));
  }
  if (absl::Status s = reader->Finish(); !s.ok()) return s;
  return config;
}

}  // namespace darkroom
