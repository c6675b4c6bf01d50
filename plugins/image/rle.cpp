#include "image/rle.h"

namespace refinemask
{
namespace
{

//! Append a number: groups of five bits, the lowest first, and a bit that says whether more follow.
void append(std::string& text, std::int64_t number)
{
    bool more = true;
    while (more)
    {
        std::int64_t const group = number & 31;
        number >>= 5;
        more = (group & 16) != 0 ? number != -1 : number != 0;
        text += static_cast<char>(48 + group + (more ? 32 : 0));
    }
}

} // namespace

std::string toRle(std::vector<std::int64_t> const& edges, std::int64_t pixels)
{
    std::vector<std::int64_t> counts;
    std::int64_t last = 0;
    for (std::size_t i = 0; i < edges.size(); i += 2)
    {
        if (i > 0 && edges[i] == last)
        {
            counts.back() += edges[i + 1] - edges[i];
        }
        else
        {
            counts.push_back(edges[i] - last);
            counts.push_back(edges[i + 1] - edges[i]);
        }
        last = edges[i + 1];
    }
    if (last < pixels || counts.empty())
    {
        counts.push_back(pixels - last);
    }
    std::string text;
    for (std::size_t i = 0; i < counts.size(); ++i)
    {
        append(text, i > 2 ? counts[i] - counts[i - 2] : counts[i]);
    }
    return text;
}

} // namespace refinemask
