#include "client/cli/generate_report.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/text.h"

namespace darkroom {
namespace {

using nlohmann::json;

json ImageJson(const PromptOutcome& prompt, size_t prompt_index, size_t image_index) {
  const v1::Image& image = prompt.reply.images(static_cast<int>(image_index));
  return {{"file", prompt.files[image_index]},
          {"prompt", prompt.request.prompt()},
          {"prompt_index", prompt_index},
          {"request_id", prompt.reply.request_id()},
          {"index", image.index()},
          {"seed", image.seed()},
          {"width", image.width()},
          {"height", image.height()},
          {"steps", prompt.reply.stats().num_inference_steps()},
          {"guidance", prompt.reply.stats().guidance_scale()}};
}

json ErrorJson(const PromptOutcome& prompt, size_t prompt_index) {
  return {{"prompt", prompt.request.prompt()},
          {"prompt_index", prompt_index},
          {"code", absl::StatusCodeToString(prompt.status.code())},
          {"message", std::string(prompt.status.message())}};
}

std::string PassesText(const PassSizes& passes) {
  if (passes.min == passes.max) {
    return absl::StrCat("passes held ", passes.max, passes.max == 1 ? " row" : " rows");
  }
  return absl::StrFormat("passes held %u-%u rows, %.1f on average", passes.min, passes.max,
                         passes.mean);
}

}  // namespace

std::optional<PassSizes> SharedPasses(const GenerateReport& report) {
  PassSizes passes;
  double steps = 0;
  double rows = 0;
  for (const PromptOutcome& prompt : report.prompts) {
    const v1::GenerationStats& stats = prompt.reply.stats();
    const v1::GenerationStats::BatchSizes& sizes = stats.batch_sizes();
    if (sizes.max() == 0) continue;
    const bool first = passes.max == 0;
    passes.min = first ? sizes.min() : std::min(passes.min, sizes.min());
    passes.max = std::max(passes.max, sizes.max());
    const double weight =
        static_cast<double>(prompt.reply.images_size()) * std::max(stats.num_inference_steps(), 1u);
    steps += weight;
    rows += weight * sizes.mean();
  }
  if (passes.max == 0) return std::nullopt;
  passes.mean = steps > 0 ? rows / steps : 0;
  return passes;
}

std::string ToText(const GenerateReport& report) {
  std::string text;
  size_t images = 0;
  for (const PromptOutcome& prompt : report.prompts) {
    for (size_t i = 0; i < prompt.files.size(); ++i) {
      absl::StrAppend(&text, prompt.files[i], "  seed ", prompt.reply.images(i).seed(), "  ",
                      ForTerminal(prompt.request.prompt()), "\n");
    }
    images += prompt.files.size();
  }
  if (!report.contact_sheet.empty()) {
    absl::StrAppend(&text, report.contact_sheet, "  contact sheet\n");
  }
  absl::StrAppendFormat(&text, "%d %s in %.1f s", images, images == 1 ? "image" : "images",
                        absl::ToDoubleSeconds(report.elapsed));
  if (const std::optional<PassSizes> passes = SharedPasses(report)) {
    absl::StrAppend(&text, "; ", PassesText(*passes));
  }
  return absl::StrCat(text, "\n");
}

std::string ToJson(const GenerateReport& report) {
  json object = {{"images", json::array()},
                 {"errors", json::array()},
                 {"seconds", absl::ToDoubleSeconds(report.elapsed)},
                 {"batch_sizes", nullptr},
                 {"contact_sheet", nullptr}};
  for (size_t i = 0; i < report.prompts.size(); ++i) {
    const PromptOutcome& prompt = report.prompts[i];
    for (size_t image = 0; image < prompt.files.size(); ++image) {
      object["images"].push_back(ImageJson(prompt, i, image));
    }
    if (!prompt.status.ok()) object["errors"].push_back(ErrorJson(prompt, i));
  }
  if (const std::optional<PassSizes> passes = SharedPasses(report)) {
    object["batch_sizes"] = {{"min", passes->min}, {"mean", passes->mean}, {"max", passes->max}};
  }
  if (!report.contact_sheet.empty()) object["contact_sheet"] = report.contact_sheet;
  // Paths and the server's words need not be UTF-8; what is not becomes U+FFFD.
  return object.dump(/*indent=*/2, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace) +
         "\n";
}

}  // namespace darkroom
