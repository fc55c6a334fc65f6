#include "load/source.h"

#include "load/closed_source.h"
#include "load/open_source.h"
#include "load/pooled_source.h"
#include "load/session_source.h"

namespace zyphos {

std::unique_ptr<Source> make_source(const LoadOptions& options, std::uint32_t channels,
                                    unsigned thread, const Random& random) {
  if (options.arrival.law == Law::closed) {
    return std::make_unique<ClosedSource>(options.arrival.think_ns, options.pipeline, channels,
                                          random);
  }
  Random own = random;
  const Arrivals arrivals(options.arrival, thread, threads_of_load(options), own.split());
  if (options.arrival.law == Law::partly_open) {
    return std::make_unique<SessionSource>(options.arrival, arrivals, options.pipeline, channels,
                                           own.split());
  }
  if (options.pooled) {
    PoolOptions pool = options.pool;
    pool.connections_max = channels;
    pool.waiting_max = share(pool.waiting_max, thread, threads_of_load(options));
    return std::make_unique<PooledSource>(arrivals, pool);
  }
  return std::make_unique<OpenSource>(arrivals, options.pipeline, channels);
}

}  // namespace zyphos
