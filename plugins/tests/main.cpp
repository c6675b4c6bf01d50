// usage: refinemask_tests [part of a test's name]
#include "tests/check.h"

int main(int argc, char** argv)
{
    return refinemask::test::runAll(argc > 1 ? argv[1] : "") == 0 ? 0 : 1;
}
