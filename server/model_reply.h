#ifndef DARKROOM_SERVER_MODEL_REPLY_H_
#define DARKROOM_SERVER_MODEL_REPLY_H_

#include "darkroom/v1/image_generation.pb.h"
#include "model/image_generator.h"
#include "server/server_options.h"

namespace darkroom {

// The answer of GetModel.
v1::GetModelResponse MakeModelReply(const ModelInfo& model, const ServerOptions& options);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_MODEL_REPLY_H_
