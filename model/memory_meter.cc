#include "model/memory_meter.h"

#include <c10/core/CPUAllocator.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"

namespace darkroom {
namespace {

// torch's own allocator, counted. Blocks may outlive their counting: who frees one counts it out.
class CountingAllocator final : public c10::Allocator {
 public:
  explicit CountingAllocator(c10::Allocator* counted) : counted_(counted) {
    free_ = counted->raw_deleter();
  }

  c10::DataPtr allocate(size_t bytes) override {
    c10::DataPtr block = counted_->allocate(bytes);
    if (!block || !block.compare_exchange_deleter(free_, &Free)) return block;
    const int64_t held = held_ += SizeOf(block.get());
    for (int64_t peak = peak_; peak < held && !peak_.compare_exchange_weak(peak, held);) {
    }
    return block;
  }
  c10::DeleterFnPtr raw_deleter() const override { return &Free; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

  // Forgets the peak; returns what is held.
  int64_t Reset() { return peak_ = held_.load(); }
  int64_t peak() const { return peak_; }
  c10::Allocator* counted() const { return counted_; }

 private:
  static void Free(void* block) {
    held_ -= SizeOf(block);
    free_(block);
  }
  static int64_t SizeOf(void* block) { return static_cast<int64_t>(malloc_usable_size(block)); }

  c10::Allocator* const counted_;
  static inline c10::DeleterFnPtr free_ = nullptr;
  static inline std::atomic<int64_t> held_ = 0;
  static inline std::atomic<int64_t> peak_ = 0;
};

std::optional<int64_t> FirstNumberIn(const std::filesystem::path& path) {
  std::ifstream file(path);
  int64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

std::optional<int64_t> NumberAfter(const std::string& word, const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string read;
  int64_t number = 0;
  while (file >> read) {
    if (read == word && file >> number) return number;
  }
  return std::nullopt;
}

// What one control group may still take: its limit less what it cannot give back.
std::optional<int64_t> AvailableIn(const std::filesystem::path& group) {
  const std::optional<int64_t> limit = FirstNumberIn(group / "memory.max");
  const std::optional<int64_t> used = FirstNumberIn(group / "memory.current");
  if (!limit || !used) return std::nullopt;
  const int64_t files = NumberAfter("inactive_file", group / "memory.stat").value_or(0);
  return std::max<int64_t>(*limit - (*used - files), 0);
}

std::optional<int64_t> LimitOf(const std::filesystem::path& group) {
  return FirstNumberIn(group / "memory.max");
}

// The least that is found in this process's control group and all above it, version 2. In a
// container they begin where its own does.
int64_t LeastOfGroups(
    absl::FunctionRef<std::optional<int64_t>(const std::filesystem::path&)> find) {
  constexpr char kRoot[] = "/sys/fs/cgroup";
  std::ifstream groups("/proc/self/cgroup");
  std::string line;
  int64_t least = INT64_MAX;
  while (std::getline(groups, line)) {
    if (!absl::StartsWith(line, "0::")) continue;
    const std::filesystem::path own = std::filesystem::path(kRoot + line.substr(3));
    for (std::filesystem::path group = own; group.string().size() >= sizeof(kRoot) - 1;
         group = group.parent_path()) {
      least = std::min(least, find(group).value_or(INT64_MAX));
    }
  }
  return least;
}

// What the machine says of its memory.
int64_t OfMachine(const std::string& word) {
  constexpr int64_t kKibibyte = 1024;
  const std::optional<int64_t> kibibytes = NumberAfter(word, "/proc/meminfo");
  return kibibytes ? *kibibytes * kKibibyte : INT64_MAX;
}

}  // namespace

int64_t PeakBytesOf(absl::FunctionRef<void()> work) {
  static CountingAllocator allocator(c10::GetCPUAllocator());
  c10::SetCPUAllocator(&allocator);
  const absl::Cleanup restore = [] { c10::SetCPUAllocator(allocator.counted()); };
  const int64_t before = allocator.Reset();
  work();
  return allocator.peak() - before;
}

int64_t AvailableBytes() {
  return std::min(OfMachine("MemAvailable:"), LeastOfGroups(AvailableIn));
}

int64_t TotalBytes() { return std::min(OfMachine("MemTotal:"), LeastOfGroups(LimitOf)); }

}  // namespace darkroom
