// Which instruction sets this CPU has, and the operating system lets programs use.
#pragma once

namespace refinemask
{

//! AVX2 with FMA and F16C.
bool hasAvx2();

//! AVX-512 F and VL, and the above.
bool hasAvx512();

} // namespace refinemask
