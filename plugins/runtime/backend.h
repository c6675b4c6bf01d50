// Base class of the backends: a graph in one runtime, whose library is loaded and never linked.
#pragma once

#include "operators/shape.h"
#include "runtime/artifact.h"
#include "runtime/stop_signal.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

namespace refinemask::runtime
{

enum class ElementType
{
    kUInt8,
    kInt64,
    kFloat32,
    kBool
};

//! A contiguous tensor in memory that somebody else owns.
struct Tensor
{
    char const* name;
    ElementType type;
    Shape shape;
    void const* data;
    bool isOnGpu = false; //!< its data is in memory of the GPU of the backend, and ready
};

//! Return the number of elements of a shape.
inline std::int64_t elementCount(Shape const& shape)
{
    return std::accumulate(
        shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<std::int64_t>());
}

//! Outputs of a run, and what keeps their memory.
struct Outputs
{
    std::vector<Tensor> tensors; //!< in the order in which they were asked for
    std::shared_ptr<void> owner;
};

//! Return the number of bytes of an element.
inline std::size_t byteSize(ElementType type)
{
    return type == ElementType::kInt64 ? 8 : type == ElementType::kFloat32 ? 4 : 1;
}

//! Return the number of bytes of a tensor.
inline std::size_t byteSize(Tensor const& tensor)
{
    return static_cast<std::size_t>(elementCount(tensor.shape)) * byteSize(tensor.type);
}

struct BackendOptions
{
    std::string device;
    std::string runtimeLibrary;  //!< "" for the usual places
    std::string operatorLibrary; //!< likewise
    int threads;                 //!< 0 leaves the number to the runtime
};

struct EngineRecord;

class Backend
{
public:
    virtual ~Backend() = default;

    //! Run the graph; safe in several threads at once. Throws an Error if the runtime fails, or if
    //! `stop` ends the run.
    virtual Outputs run(std::vector<Tensor> const& inputs,
        std::vector<char const*> const& outputNames, StopSignal const& stop) = 0;

    //! The number of the GPU that it runs on; nothing if it runs on the CPU.
    virtual std::optional<int> gpu() const
    {
        return std::nullopt;
    }

    //! Most images of a batch where the artifact leaves it open.
    virtual std::int64_t largestBatch() const
    {
        return 8;
    }

    //! Name and version of the runtime.
    virtual std::string description() const = 0;
};

//! Each throws an Error if the runtime is missing, of an unfit version, or refuses the artifact.
std::unique_ptr<Backend> openOnnxRuntime(Artifact const& artifact, BackendOptions const& options);
std::unique_ptr<Backend> openOpenVino(Artifact const& artifact, BackendOptions const& options);
std::unique_ptr<Backend> openTensorRt(
    EngineRecord record, std::string const& runtime, BackendOptions const& options);

} // namespace refinemask::runtime
