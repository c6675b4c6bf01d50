#pragma once

#include "cpu/parallel.h"

namespace refinemask
{

//! The threads of the inference that calls, as many as OpenVINO gave it.
void inArena(std::int64_t total, std::function<void(std::int64_t)> const& body);

} // namespace refinemask
