#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "client/cli/bench/bench_command.h"
#include "client/cli/bench/options.h"
#include "client/cli/describe_command.h"
#include "client/cli/generate_command.h"
#include "client/cli/generate_options.h"
#include "client/cli/health_command.h"

namespace {

// The arguments, last first, as CLI11 wants them. It would read `--flag= word` as `--flag word`: a
// script's empty variable would turn a prompt into a flag's value.
std::vector<std::string> Arguments(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto end = std::find(arguments.begin(), arguments.end(), "--");
  for (auto argument = arguments.begin(); argument != end; ++argument) {
    if (argument->starts_with("--") && argument->ends_with('=')) {
      throw CLI::ValidationError(*argument, "no value; an empty one is a word of its own: \"\"");
    }
  }
  std::reverse(arguments.begin(), arguments.end());
  return arguments;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Images from prompts, made by a Darkroom server.", "darkroom");
  app.set_version_flag("--version", "darkroom " DARKROOM_VERSION);
  app.require_subcommand(1);
  app.fallthrough();  // The flags here may also stand behind the command.
  std::string server = "127.0.0.1:50051";
  app.add_option("--server", server,
                 "The server to ask, or all servers of a name: dns:///HOST:PORT")
      ->envname("DARKROOM_SERVER")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  bool json = false;
  app.add_flag("--json", json, "Report as one JSON object on standard output");

  CLI::App* generate = app.add_subcommand("generate", "Makes images and writes them to files");
  darkroom::GenerateFlags generate_flags;
  darkroom::AddGenerateFlags(*generate, generate_flags);
  CLI::App* describe = app.add_subcommand("describe", "Tells what the server has to offer");
  darkroom::DescribeFlags describe_flags;
  darkroom::AddDescribeFlags(*describe, describe_flags);
  CLI::App* health = app.add_subcommand("health", "Tells whether the server serves");
  darkroom::HealthFlags health_flags;
  darkroom::AddHealthFlags(*health, health_flags);
  CLI::App* bench = app.add_subcommand("bench", "Measures a server under load");
  darkroom::BenchFlags bench_flags;
  darkroom::AddBenchFlags(*bench, bench_flags);

  try {
    app.parse(Arguments(argc, argv));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? darkroom::kDone : darkroom::kUsage;
  }
  if (describe->parsed()) return darkroom::RunDescribe(describe_flags, server, json);
  if (bench->parsed()) return darkroom::RunBench(bench_flags, server, json);
  if (health->parsed()) return darkroom::RunHealth(health_flags, server, json);
  return darkroom::RunGenerate(generate_flags, server, json);
}
