// What a link does to one direction's packets, as it was asked for. Knows nothing of how.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "link/trace.h"

namespace zyphos::link {

enum class JitterLaw : std::uint8_t { uniform, normal, pareto };
enum class Aqm : std::uint8_t { none, codel, pie, red };
enum class LossLaw : std::uint8_t { random, gilbert_elliott, index };

// Shares are in [0, 1]. What is not set does nothing.
struct PathOptions {
  std::int64_t delay_ns = 0;  // one way
  std::int64_t jitter_ns = 0;
  JitterLaw jitter_law = JitterLaw::uniform;
  bool keep_order = false;  // jitter never lets a packet overtake an earlier one

  std::uint64_t rate_bits_per_second = 0;      // of IP packets; 0: no limit
  std::optional<std::uint64_t> queue_packets;  // that wait for the rate; none: no limit
  std::optional<std::uint64_t> queue_bytes;

  std::shared_ptr<const Trace> trace;  // instead of a rate

  Aqm aqm = Aqm::none;                                 // who drops beside the queue's bound
  std::int64_t codel_target_ns = 5 * kMillisecond_ns;  // of waiting; RFC 8289, 4.3
  std::int64_t codel_interval_ns = 100 * kMillisecond_ns;
  std::int64_t pie_target_ns = 15 * kMillisecond_ns;  // of waiting; RFC 8033, 4.2
  std::int64_t pie_period_ns = 15 * kMillisecond_ns;  // of its controller (T_UPDATE)
  std::int64_t pie_burst_ns = 150 * kMillisecond_ns;  // after silence nothing is dropped
  std::uint64_t red_min_packets = 5;                  // of the average; Floyd, 1997
  std::uint64_t red_max_packets = 15;
  double red_probability = 0.1;  // at the maximum
  double red_weight = 0.002;     // of an arrival in the average
  bool ecn = false;  // marks what can be marked where the AQM or the loss law would drop it

  LossLaw loss_law = LossLaw::random;
  double loss = 0.0;       // random
  double loss_p = 0.0;     // Gilbert-Elliott: from good to bad, after each packet
  double loss_r = 1.0;     // from bad to good
  double loss_good = 0.0;  // of a packet in the good state
  double loss_bad = 1.0;
  std::vector<int> loss_indices;  // by index: the first packet is 1

  double reorder = 0.0;           // of every reorder_gap-th packet, which passes the delay
  std::uint64_t reorder_gap = 1;  // 1 or more
  double duplicate = 0.0;
  double corrupt = 0.0;
  std::uint32_t mtu = 0;  // larger packets vanish without a word; 0: the link's
};

// What contradicts itself, as one line ("loss_p=... needs ..."), or nothing.
std::string complaint(const PathOptions& options);

}  // namespace zyphos::link
