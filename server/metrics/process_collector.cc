#include "server/metrics/process_collector.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "server/metrics/sample.h"

namespace darkroom {
namespace {

using prometheus::MetricType;

// Fields of /proc/self/stat by their numbers in proc(5), from 3 on.
class ProcessStat {
 public:
  static std::optional<ProcessStat> Read() {
    std::ifstream file("/proc/self/stat");
    std::string line;
    std::getline(file, line);
    const size_t name_end = line.rfind(')');  // The name before may hold anything.
    if (name_end == std::string::npos) return std::nullopt;
    ProcessStat stat;
    std::istringstream fields(line.substr(name_end + 1));
    for (std::string field; fields >> field;) stat.fields_.push_back(field);
    if (stat.fields_.size() < 22) return std::nullopt;
    return stat;
  }

  double Field(size_t number) const { return std::stod(fields_[number - 3]); }

 private:
  std::vector<std::string> fields_;
};

// When the machine started: seconds since the Unix epoch.
std::optional<double> BootTime() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  }
  return std::nullopt;
}

std::optional<double> OpenFiles() {
  std::error_code error;
  std::filesystem::directory_iterator files("/proc/self/fd", error);
  if (error) return std::nullopt;
  double count = -1;  // One is the iterator's own.
  for (const auto end = std::filesystem::directory_iterator(); files != end;
       files.increment(error)) {
    ++count;
  }
  return count;
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessCollector::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  const auto add = [&](const char* name, const char* help, MetricType type, double value) {
    families.push_back(Family(name, help, type, {Sample(type, value)}));
  };
  if (const std::optional<ProcessStat> stat = ProcessStat::Read()) {
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    add("process_cpu_seconds_total", "User and system time.", MetricType::Counter,
        (stat->Field(14) + stat->Field(15)) / ticks);
    add("process_threads", "Threads.", MetricType::Gauge, stat->Field(20));
    add("process_virtual_memory_bytes", "Virtual memory.", MetricType::Gauge, stat->Field(23));
    add("process_resident_memory_bytes", "Resident memory.", MetricType::Gauge,
        stat->Field(24) * static_cast<double>(sysconf(_SC_PAGESIZE)));
    if (const std::optional<double> boot = BootTime()) {
      add("process_start_time_seconds", "When the process started.", MetricType::Gauge,
          *boot + stat->Field(22) / ticks);
    }
  }
  if (const std::optional<double> open = OpenFiles()) {
    add("process_open_fds", "Open files.", MetricType::Gauge, *open);
  }
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    add("process_max_fds", "Files that may be open.", MetricType::Gauge,
        static_cast<double>(limit.rlim_cur));
  }
  return families;
}

}  // namespace darkroom
