// Artifacts: exported files, read and checked before a runtime sees them (architecture 7).
#pragma once

#include "runtime/metadata.h"

#include <cstdint>
#include <string>
#include <vector>

namespace refinemask::runtime
{

using Bytes = std::vector<std::uint8_t>;

struct Artifact
{
    std::string path;
    Bytes content;
    std::string json; //!< the metadata as they are in the file
    Metadata metadata;
    std::string
        digest; //!< SHA-256 of the content up to the seal, which it has been checked against
};

//! Read a file; throws an Error unless it is an artifact that is as it was exported, its graph has
//! the operators, inputs and outputs of its form, and the JSON file beside it, if there is one, is
//! of it.
Artifact openArtifact(std::string const& path);

} // namespace refinemask::runtime
