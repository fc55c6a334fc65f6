// The totals of zyphos-link as one JSON line.
#pragma once

#include <cstdint>
#include <string>

#include "link/board.h"
#include "link/emulator.h"

namespace zyphos {

// {"event":"link","forward":{"packets":N,...,"late_ns_mean":X,"late_ns_p50":N,"late_ns_p99":N,
// "late_ns_max":N,"handed_late_ns_mean":X,...},"backward":{...},"turns":N,"sleeps":N,"run_ns":N,
// "cpu_ns":N}. Lateness is null
// where nothing was written.
std::string totals_json(const link::LinkBoard::Snapshot& snapshot,
                        const link::EmulatorTotals& totals, std::int64_t run_ns,
                        std::int64_t cpu_ns);

}  // namespace zyphos
