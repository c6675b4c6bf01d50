#include "tests/cuda/prepare_by_threads.h"

#include "cuda/prepare_image_threads.h"
#include "tests/cuda/thread_order.h"

namespace refinemask::test
{

void prepareImageByThreads(PrepareImageLaunch const& launch)
{
    PrepareImageArguments const arguments = prepareImageArguments(launch);
    for (std::int64_t index = 0; index < tileCount(arguments); ++index)
    {
        struct Shared
        {
            RowSource rows[kPrepareRows];
        };
        auto const shared = makeShared<Shared>();
        PreparedTile const tile = preparedTile(arguments, index);
        forThreads(kPrepareThreads,
            [&](int thread)
            {
                tabulateSources(arguments, shared->rows, tile, thread);
            });
        forThreads(kPrepareThreads,
            [&](int thread)
            {
                prepareColumn(arguments, shared->rows, tile, thread);
            });
    }
}

} // namespace refinemask::test
