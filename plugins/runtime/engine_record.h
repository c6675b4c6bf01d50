// Engines that refinemask build wrote: the engine, and its record beside it, which is checked
// before TensorRT sees a byte (refinemask/engines/tensorrt/record.py).
#pragma once

#include "operators/shape.h"
#include "runtime/artifact.h"
#include "runtime/backend.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace refinemask::runtime
{

//! Shapes of an input that an engine was built for.
struct ShapeRange
{
    Shape minimum;
    Shape maximum;
};

struct EngineRecord
{
    Artifact engine;     //!< the bytes of the engine, with the metadata of what it was built from
    std::string runtime; //!< "tensorrt" or "tensorrt_rtx"
    std::string runtimeVersion;
    std::map<std::string, ShapeRange> shapes; //!< of the dynamic inputs
    std::vector<std::string> capabilities;    //!< of the GPUs that it runs on; none for all
    std::optional<std::string> pluginsDigest; //!< of the plugin library, if it has plugins
    std::vector<std::string> options;         //!< of the command that built it
    std::string command;                      //!< that builds it again
};

//! Return the bytes of a file, if it can be read.
std::optional<Bytes> readBytes(std::string const& path);

//! Whether a file is an engine by its name.
bool isEnginePath(std::string const& path);

//! Read an engine and its record. Throws an Error if one of the two is missing, damaged, or of
//! another engine.
EngineRecord openEngine(std::string const& path);

//! Throw an Error unless this library, such a version of TensorRT and the plugin library at a path
//! run an engine.
void checkHost(EngineRecord const& record, std::string const& version, std::string const& plugins);

//! Throw an Error unless an engine runs on a GPU of a compute capability.
void checkGpu(EngineRecord const& record, std::string const& capability);

//! Throw an Error unless inputs are within the shapes that an engine was built for.
void checkProfile(EngineRecord const& record, std::vector<Tensor> const& inputs);

} // namespace refinemask::runtime
