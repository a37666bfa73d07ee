#ifndef DARKROOM_SERVER_LOAD_DEVICES_H_
#define DARKROOM_SERVER_LOAD_DEVICES_H_

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "batcher/clock.h"
#include "batcher/planner.h"
#include "model/image_generator.h"
#include "server/device_worker.h"
#include "server/metrics/metrics.h"
#include "server/server_options.h"

namespace darkroom {

// A device that is ready to make images.
struct LoadedDevice {
  std::unique_ptr<ImageGenerator> generator;
  DeviceProfile profile;
};

// Loads the options' model onto one of their devices.
using ModelLoader = std::function<absl::StatusOr<std::unique_ptr<ImageGenerator>>(
    const ServerOptions& options, const std::string& device)>;

// Loads the model once for each of the options' devices and warms it up.
absl::StatusOr<std::vector<LoadedDevice>> LoadDevices(const ServerOptions& options,
                                                      const ModelLoader& load, Clock& clock);

// A worker for each device, which outlives it. The bounds of the queue are split between them.
std::vector<std::unique_ptr<DeviceWorker>> MakeWorkers(
    const std::vector<LoadedDevice>& devices, BatchOptions options, Clock& clock, Metrics& metrics,
    const std::function<void(const absl::Status&)>& on_lost);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_LOAD_DEVICES_H_
