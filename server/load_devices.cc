#include "server/load_devices.h"

#include <algorithm>
#include <future>
#include <utility>

#include "server/warm_up.h"

namespace darkroom {

absl::StatusOr<std::vector<LoadedDevice>> LoadDevices(const ServerOptions& options,
                                                      const ModelLoader& load, Clock& clock) {
  const auto load_one = [&](const std::string& device) -> absl::StatusOr<LoadedDevice> {
    auto generator = load(options, device);
    if (!generator.ok()) return generator.status();
    auto profile = WarmUp(**generator, options.batch, clock);
    if (!profile.ok()) return profile.status();
    return LoadedDevice{*std::move(generator), *std::move(profile)};
  };
  std::vector<LoadedDevice> devices;
  for (const std::string& name : options.devices) {
    // For a CPU on a thread that ends: LibTorch keeps compute threads for every thread that has
    // called it, and with more of them than cores those of the batcher's would sleep between all
    // operations. For a GPU on this one, which stays: what cuDNN plans for a thread goes with it,
    // and recorded passes go on using it.
    auto device =
        name == "cpu" ? std::async(std::launch::async, load_one, name).get() : load_one(name);
    if (!device.ok()) return device.status();
    devices.push_back(*std::move(device));
  }
  return devices;
}

std::vector<std::unique_ptr<DeviceWorker>> MakeWorkers(
    const std::vector<LoadedDevice>& devices, BatchOptions options, Clock& clock, Metrics& metrics,
    const std::function<void(const absl::Status&)>& on_lost) {
  const auto count = static_cast<int64_t>(devices.size());
  QueueLimits& limits = options.limits;
  for (int64_t* limit :
       {&limits.images, &limits.images_per_tenant, &limits.pixels, &limits.pixel_steps}) {
    *limit = std::max<int64_t>(*limit / count, 1);
  }
  std::vector<std::unique_ptr<DeviceWorker>> workers;
  for (const LoadedDevice& device : devices) {
    workers.push_back(std::make_unique<DeviceWorker>(*device.generator, options, device.profile,
                                                     clock, metrics, on_lost));
  }
  return workers;
}

}  // namespace darkroom
