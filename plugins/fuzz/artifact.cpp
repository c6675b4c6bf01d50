// What librefinemask reads of a file: properties and graph of any bytes, and metadata of any text.
#include "runtime/error.h"
#include "runtime/metadata.h"
#include "runtime/onnx_graph.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    using namespace refinemask::runtime;
    std::string_view const file(reinterpret_cast<char const*>(data), size);
    try
    {
        readGraph(file);
        parseMetadata(onnxProperty(file, "refinemask"));
    }
    catch (std::invalid_argument const&) // of the first two
    {
    }
    catch (Error const&)
    {
    }
    try
    {
        parseMetadata(std::string(file));
    }
    catch (Error const&)
    {
    }
    return 0;
}
