// The emulator as a program between two real namespaces, sender and receiver on CPU 0 and itself on
// the last one: how many packets, how late, at what cost, and whether rate and loss are what they
// were asked to be. `way_error_ns` is from the sender's call to the receiving kernel's stamp,
// beyond the delay that was asked for: what the emulator's lateness does not see (its waking up to
// read) is in it. One iteration each; wants a quiet machine and root.
#include <benchmark/benchmark.h>

#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "link/program_fixture.h"

namespace zyphos::link {
namespace {

constexpr std::uint16_t kPort = 7000;
constexpr std::size_t kBatch = 32;
// The tests only see whether it runs.
const std::int64_t kRun_ns = (std::getenv("ZYPHOS_BENCH_SMOKE") ? 50 : 2000) * kMillisecond_ns;

int last_cpu() { return static_cast<int>(std::thread::hardware_concurrency()) - 1; }

std::int64_t ns_of(const timespec& time) { return time.tv_sec * kSecond_ns + time.tv_nsec; }

// Of the clock by which the kernel stamps packets.
std::int64_t wall_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return ns_of(now);
}

// kBatch datagrams of one size for sendmmsg and recvmmsg.
struct Batch {
  std::array<std::array<char, 1500>, kBatch> bytes{};
  std::array<iovec, kBatch> parts{};
  std::array<mmsghdr, kBatch> messages{};
  struct alignas(cmsghdr) Control {
    std::array<char, CMSG_SPACE(sizeof(timespec))> bytes{};
  };
  std::array<Control, kBatch> controls{};
  explicit Batch(std::size_t size) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      parts[i] = {bytes[i].data(), size};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }
  void want_stamps() {
    for (std::size_t i = 0; i < kBatch; ++i) {
      messages[i].msg_hdr.msg_control = controls[i].bytes.data();
      messages[i].msg_hdr.msg_controllen = sizeof controls[i].bytes;
    }
  }
  // From the sender's stamp in the message to the receiving kernel's: the whole way.
  std::int64_t way_ns(std::size_t i) {
    const cmsghdr* control = CMSG_FIRSTHDR(&messages[i].msg_hdr);
    if (control == nullptr) return 0;
    timespec arrived{};
    std::memcpy(&arrived, CMSG_DATA(control), sizeof arrived);
    std::int64_t sent_ns = 0;
    std::memcpy(&sent_ns, bytes[i].data(), sizeof sent_ns);
    return ns_of(arrived) - sent_ns;
  }
};

// How the receiver waits: asleep in its socket, so that whoever writes wakes it, or looking again
// each 100 us, as a receiver under load that always finds something.
enum class Waits : std::uint8_t { asleep, looking };

struct Traffic {
  std::size_t size = 64;
  unsigned count = 1;       // at a time, kBatch at most
  std::int64_t gap_ns = 0;  // 0: as fast as it goes
  std::int64_t delay_ns = 0;
  Waits waits = Waits::asleep;
};

// Takes what comes until `stop`, and knows when the first and the last came.
struct Receiver {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t first_bytes = 0;
  Time first = Time::never();
  Time last{};
  Histogram error_ns;  // of the way, beyond the delay that was asked for

  void run(const Fd& socket, const Traffic& traffic, const std::atomic<bool>& stop) {
    pin_thread(0);
    Batch batch(1500);
    const bool looks = traffic.waits == Waits::looking;
    const int flags = looks ? MSG_DONTWAIT : MSG_WAITFORONE;
    const timespec pause = to_timespec(100 * kMicrosecond_ns);
    while (!stop) {
      batch.want_stamps();
      const int got = recvmmsg(socket.get(), batch.messages.data(), kBatch, flags, nullptr);
      if (got <= 0) {
        if (looks) nanosleep(&pause, nullptr);
        continue;
      }
      last = clock_now();
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
        sum += batch.messages[i].msg_len + 28;
        error_ns.record(batch.way_ns(i) - traffic.delay_ns);
      }
      if (first.is_never()) {
        first = last;
        first_bytes = sum;
      }
      packets += static_cast<std::uint64_t>(got);
      bytes += sum;
    }
  }
};

std::uint64_t send_for(const Fd& socket, const Traffic& traffic) {
  pin_thread(0);
  const auto [size, count, gap_ns, delay_ns, waits] = traffic;
  Batch batch(size);
  std::uint64_t sent = 0;
  const Time start = clock_now();
  for (Time next = start; next - start < kRun_ns; next = next + gap_ns) {
    if (gap_ns == 0) next = clock_now();
    const timespec until = to_timespec(next.ns);
    if (gap_ns > 0) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    const std::int64_t sent_ns = wall_ns();
    for (unsigned i = 0; i < count; ++i) {
      std::memcpy(batch.bytes[i].data(), &sent_ns, sizeof sent_ns);
    }
    const int done = sendmmsg(socket.get(), batch.messages.data(), count, 0);
    if (done > 0) sent += static_cast<std::uint64_t>(done);
  }
  return sent;
}

struct Outcome {
  LinkBoard::Snapshot board;
  Receiver receiver;
  std::uint64_t sent = 0;
  std::int64_t cpu_ns = 0;
  double wall_s = 0;
};

Fd udp_socket(const Namespace& where, const char* address, bool receives) {
  Fd socket = where.socket(AF_INET, SOCK_DGRAM);
  const sockaddr_in to = address_of(address, kPort);
  const auto* any = reinterpret_cast<const sockaddr*>(&to);
  const timeval patience{0, 50'000};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const int buffer_bytes = 8 << 20;
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof buffer_bytes);
  const int on = 1;
  if (receives) setsockopt(socket.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  const int failed =
      receives ? bind(socket.get(), any, sizeof to) : connect(socket.get(), any, sizeof to);
  throw_if(failed != 0, "bind or connect");
  return socket;
}

Outcome measure(const std::vector<std::string>& words, const Traffic& traffic) {
  LinkProgram rig(words, last_cpu());
  const Fd in = udp_socket(rig.right, kRight, true);
  const Fd out = udp_socket(rig.left, kRight, false);
  Outcome outcome;
  std::atomic<bool> stop{false};
  std::thread receiver([&] { outcome.receiver.run(in, traffic, stop); });
  const Time start = clock_now();
  std::thread sender([&] { outcome.sent = send_for(out, traffic); });
  sender.join();
  outcome.wall_s = static_cast<double>(clock_now() - start) / kSecond_ns;
  const timespec rest = to_timespec(100 * kMillisecond_ns);  // what is under way
  nanosleep(&rest, nullptr);
  stop = true;
  receiver.join();
  outcome.board = rig.stop();
  outcome.cpu_ns = rig.cpu_ns();
  return outcome;
}

std::uint64_t forward(const Outcome& outcome, LinkCounter counter) {
  return value_of(outcome.board, Direction::forward, counter);
}

void add_times(benchmark::State& state, const std::string& name, const Histogram& times) {
  if (times.count() == 0) return;
  state.counters[name + "_mean"] = times.mean_ns();
  state.counters[name + "_p50"] = static_cast<double>(times.quantile_ns(0.5));
  state.counters[name + "_p99"] = static_cast<double>(times.quantile_ns(0.99));
  state.counters[name + "_max"] = static_cast<double>(times.quantile_ns(1));
}

void report(benchmark::State& state, const Outcome& outcome) {
  const auto packets = static_cast<double>(forward(outcome, LinkCounter::delivered_packets));
  state.counters["packets_per_second"] = packets / outcome.wall_s;
  state.counters["sent_per_second"] = static_cast<double>(outcome.sent) / outcome.wall_s;
  state.counters["cpu_ns_per_packet"] = static_cast<double>(outcome.cpu_ns) / packets;
  add_times(state, "handed_late_ns", outcome.board.forward_handed_late_ns);
  add_times(state, "late_ns", outcome.board.forward_late_ns);
  add_times(state, "way_error_ns", outcome.receiver.error_ns);
}

std::optional<Outcome> run(benchmark::State& state, const std::vector<std::string>& words,
                           const Traffic& traffic) {
  std::optional<Outcome> outcome;
  auto reason = cannot_test();
  if (!std::filesystem::exists(LinkProgram::program()))
    reason = "no zyphos-link beside the benches";
  if (reason) {
    state.SkipWithError(reason->c_str());
    return outcome;
  }
  for (auto _ : state) outcome = measure(words, traffic);
  if (outcome) report(state, *outcome);
  return outcome;
}

std::vector<std::string> delayed_by(std::int64_t delay_ns) {
  return {"forward.delay_ns=" + std::to_string(delay_ns)};
}

// As many packets as it takes; what the sender sends beyond them is dropped by its interface.
void flood(benchmark::State& state, Waits waits) {
  const std::int64_t delay_ns = state.range(0) * kMicrosecond_ns;
  run(state, delayed_by(delay_ns), {.count = kBatch, .delay_ns = delay_ns, .waits = waits});
}

// Packets at even distances, for the lateness.
void paced(benchmark::State& state) {
  constexpr std::int64_t kDelay_ns = 5 * kMillisecond_ns;
  run(state, delayed_by(kDelay_ns),
      {.gap_ns = state.range(0) * kMicrosecond_ns, .delay_ns = kDelay_ns});
}

// 100 Mbit/s into 50: the error of what comes out, in percent.
void rate(benchmark::State& state) {
  const auto outcome =
      run(state, {"forward.rate_bits_per_second=50000000", "forward.queue_packets=100"},
          {.size = 1222, .gap_ns = 100 * kMicrosecond_ns});
  if (!outcome) return;
  const Receiver& got = outcome->receiver;
  const double bits = static_cast<double>(got.bytes - got.first_bytes) * 8;
  const double seconds = static_cast<double>(got.last - got.first) / kSecond_ns;
  state.counters["rate_error_percent"] = (bits / seconds / 50e6 - 1) * 100;
}

// 5 % of the packets: how many standard deviations off.
void loss(benchmark::State& state) {
  const auto outcome =
      run(state, {"forward.loss=0.05"}, {.count = 4, .gap_ns = 50 * kMicrosecond_ns});
  if (!outcome) return;
  const auto packets = static_cast<double>(forward(*outcome, LinkCounter::packets));
  const auto lost = static_cast<double>(forward(*outcome, LinkCounter::dropped_loss));
  state.counters["loss_percent"] = lost / packets * 100;
  state.counters["loss_deviations"] = (lost - packets * 0.05) / std::sqrt(packets * 0.05 * 0.95);
}

#define ONCE Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond)
BENCHMARK_CAPTURE(flood, receiver_asleep, Waits::asleep)->Arg(0)->Arg(1000)->ONCE;
BENCHMARK_CAPTURE(flood, receiver_looking, Waits::looking)->Arg(0)->Arg(1000)->ONCE;
BENCHMARK(paced)->Arg(20)->Arg(200)->Arg(10'000)->ONCE;
BENCHMARK(rate)->ONCE;
BENCHMARK(loss)->ONCE;

}  // namespace
}  // namespace zyphos::link
