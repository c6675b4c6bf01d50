// What must be known of an ONNX file before a runtime may read it.
//
// The runtimes trust a graph in more than they check: they read tensors from files that it names,
// and end the process over operators that they do not have. Artifacts need none of that, so
// whatever refinemask-export does not write is refused, by the rules of
// refinemask/inference/onnx_graph.py.
#pragma once

#include "operators/shape.h"

#include <string>
#include <string_view>
#include <vector>

namespace refinemask::runtime
{

//! Return the value of a property of the file (`metadata_props`), the last where there are several.
//!
//! Throws std::invalid_argument if this is not an ONNX file, or it has no such property.
std::string onnxProperty(std::string_view file, std::string_view key);

//! An input or an output of a graph.
struct ValueInfo
{
    std::string name;
    std::string type; //!< as NumPy names it, "" for another than those of artifacts
    Shape shape;      //!< kUnknown where it is dynamic
};

bool operator==(ValueInfo const& a, ValueInfo const& b);

//! Such as "boxes float32 (?, 4)".
std::string toText(ValueInfo const& value);

struct OnnxGraph
{
    std::vector<ValueInfo> inputs;
    std::vector<ValueInfo> outputs;
    bool hasOurOperators = false;
    bool hasLoops = false;
};

//! Read the interface of the graph.
//!
//! Throws std::invalid_argument if this is not an ONNX file, or the graph has tensors outside of
//! the file, operators of unknown domains, functions, graphs inside of nodes other than loops,
//! sparse tensors, or inputs or outputs that are not tensors.
OnnxGraph readGraph(std::string_view file);

} // namespace refinemask::runtime
