// From a file to what it is and what runs it.
#pragma once

#include "refinemask/refinemask.h"
#include "runtime/backend.h"
#include "runtime/block.h"

#include <memory>
#include <string>

namespace refinemask::runtime
{

struct OpenedModel
{
    Metadata metadata;
    Owned<refinemask_info> info; //!< the same for the C interface
    std::unique_ptr<Backend> backend;
};

//! Open an artifact, or an engine of TensorRT for the runtimes of TensorRT.
//!
//! Throws an Error, see openArtifact(), openEngine() and backend.h.
OpenedModel openModel(
    std::string const& path, std::string const& runtime, BackendOptions const& options);

//! Read what an artifact or an engine is, without a runtime; throws an Error.
Owned<refinemask_info> readInfo(std::string const& path);

} // namespace refinemask::runtime
