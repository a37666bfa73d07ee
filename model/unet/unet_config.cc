#include "model/unet/unet_config.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "model/checkpoint/config_reader.h"

namespace darkroom {
namespace {

constexpr int64_t kMaxSampleSize = 1024;

// What SDXL's UNet never varies; another value is another network.
void ExpectSdxl(ConfigReader& reader) {
  reader.Expect("act_fn", {"silu"});
  reader.Expect("addition_embed_type", {"text_time"});
  reader.Expect("attention_type", {"default"});
  reader.Expect("center_input_sample", {false});
  reader.Expect("class_embed_type", {});
  reader.Expect("class_embeddings_concat", {false});
  reader.Expect("conv_in_kernel", {3});
  reader.Expect("conv_out_kernel", {3});
  reader.Expect("cross_attention_norm", {});
  reader.Expect("downsample_padding", {1});
  reader.Expect("dual_cross_attention", {false});
  reader.Expect("encoder_hid_dim", {});
  reader.Expect("encoder_hid_dim_type", {});
  reader.Expect("mid_block_only_cross_attention", {false});
  reader.Expect("mid_block_scale_factor", {1});
  reader.Expect("mid_block_type", {"UNetMidBlock2DCrossAttn"});
  reader.Expect("num_class_embeds", {});
  reader.Expect("only_cross_attention", {false});
  reader.Expect("resnet_out_scale_factor", {1.0});
  reader.Expect("resnet_skip_time_act", {false});
  reader.Expect("resnet_time_scale_shift", {"default"});
  reader.Expect("time_cond_proj_dim", {});
  reader.Expect("time_embedding_act_fn", {});
  reader.Expect("time_embedding_type", {"positional"});
  reader.Expect("timestep_post_act", {});
  reader.Expect("upcast_attention", {false});
  reader.Ignore({"addition_embed_type_num_heads", "dropout"});
}

// Which levels attend, from the names of their blocks.
std::vector<bool> ReadBlockTypes(ConfigReader& reader, const std::string& key,
                                 const std::string& plain, const std::string& attending,
                                 size_t levels) {
  const std::vector<std::string> types = reader.Strings(key);
  std::vector<bool> attention;
  for (const std::string& type : types) {
    if (type != plain && type != attending) {
      reader.Refuse(absl::StrCat(key, " = ", type.substr(0, 64), " is not supported"));
    }
    attention.push_back(type == attending);
  }
  if (types.size() != levels) {
    reader.Refuse(absl::StrCat(key, " must name ", levels, " blocks, one for each of ",
                               "block_out_channels, not ", types.size()));
    attention.resize(levels);
  }
  return attention;
}

void CheckDivisible(ConfigReader& reader, const UNetConfig& config) {
  for (size_t level = 0; level < config.channels.size(); ++level) {
    if (config.channels[level] % config.groups != 0) {
      reader.Refuse(absl::StrCat("block_out_channels ", config.channels[level],
                                 " is not a multiple of norm_num_groups ", config.groups));
    }
    const bool attends = config.down_attention[level] || level + 1 == config.channels.size() ||
                         config.up_attention[config.channels.size() - 1 - level];
    if (attends && config.channels[level] % config.heads[level] != 0) {
      reader.Refuse(absl::StrCat("block_out_channels ", config.channels[level],
                                 " is not a multiple of its ", config.heads[level], " heads"));
    }
  }
}

}  // namespace

absl::StatusOr<UNetConfig> UNetConfig::Read(const std::string& path) {
  absl::StatusOr<ConfigReader> reader = ConfigReader::Open(path);
  if (!reader.ok()) return reader.status();
  ExpectSdxl(*reader);
  UNetConfig config;
  config.channels = reader->SizeList("block_out_channels");
  const size_t levels = config.channels.size();
  config.in_channels = reader->Size("in_channels", config.in_channels);
  config.out_channels = reader->Size("out_channels", config.out_channels);
  config.sample_size = reader->Size("sample_size", config.sample_size, kMaxSampleSize);
  config.resnets = reader->Sizes("layers_per_block", levels, 2, kMaxLayers);
  config.down_attention =
      ReadBlockTypes(*reader, "down_block_types", "DownBlock2D", "CrossAttnDownBlock2D", levels);
  config.up_attention =
      ReadBlockTypes(*reader, "up_block_types", "UpBlock2D", "CrossAttnUpBlock2D", levels);
  config.transformer_layers = reader->Sizes("transformer_layers_per_block", levels, 1, kMaxLayers);
  config.up_transformer_layers = config.transformer_layers;
  std::reverse(config.up_transformer_layers.begin(), config.up_transformer_layers.end());
  if (reader->Has("reverse_transformer_layers_per_block")) {
    config.up_transformer_layers =
        reader->Sizes("reverse_transformer_layers_per_block", levels, 1, kMaxLayers);
  }
  // By an old slip in diffusers, attention_head_dim is the number of heads where
  // num_attention_heads is absent.
  const std::vector<int64_t> head_dims = reader->Sizes("attention_head_dim", levels, 8);
  config.heads = reader->Has("num_attention_heads")
                     ? reader->Sizes("num_attention_heads", levels, 8)
                     : head_dims;
  reader->Ignore({"num_attention_heads", "reverse_transformer_layers_per_block"});
  config.context_width = reader->Sizes("cross_attention_dim", levels, 1280);
  config.groups = reader->Size("norm_num_groups", config.groups);
  config.epsilon = reader->Number("norm_eps", config.epsilon);
  config.linear_projection = reader->Bool("use_linear_projection", config.linear_projection);
  config.flip_sin_to_cos = reader->Bool("flip_sin_to_cos", config.flip_sin_to_cos);
  config.frequency_shift = reader->Number("freq_shift", config.frequency_shift);
  config.time_id_width = reader->Size("addition_time_embed_dim", config.time_id_width);
  config.added_width = reader->Size("projection_class_embeddings_input_dim", 2816);
  if (reader->String("addition_embed_type", "").empty()) {
    reader->Refuse("addition_embed_type must be text_time: this is no SDXL UNet");
  }
  if (levels > 0) {
    config.time_embedding_width = reader->Size("time_embedding_dim", 4 * config.channels.front());
    CheckDivisible(*reader, config);
  }
  if (absl::Status s = reader->Finish(); !s.ok()) return s;
  return config;
}

}  // namespace darkroom
