#include "probe/socket_sampler.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <system_error>

#include "net/clock.h"

namespace zyphos {
namespace {

// A sample that took t is followed by a pause of at least this times t: 2 % of a core at most.
constexpr std::int64_t kPauseRatio = 49;
// An hour at 10 ms; what comes after is not kept.
constexpr std::size_t kSamplesMax = 360'000;
constexpr TcpStates kSampled = kAllTcpStates & ~(1U << kTcpTimeWait);

// By the numbers of include/net/tcp_states.h; the last is a request (NEW_SYN_RECV).
using Side = SideSample;
constexpr std::array<std::uint64_t Side::*, 13> kByState{
    nullptr,           &Side::established, &Side::syn_sent, &Side::syn_recv,
    &Side::fin_wait1,  &Side::fin_wait2,   nullptr,         nullptr,
    &Side::close_wait, &Side::last_ack,    nullptr,         &Side::closing,
    &Side::syn_recv};

}  // namespace

SocketSampler::SocketSampler(const std::vector<std::string>& netns, std::uint16_t port,
                             std::int64_t interval_ns)
    : port_(port), interval_ns_(interval_ns) {
  for (const auto& path : netns) diags_.push_back(std::make_unique<SockDiag>(path));
  for (const auto& diag : diags_) diag->queues(port_, 1U << kTcpListen);  // refused: now, not later
  thread_ = std::thread([this] { run(); });
}

SocketSampler::~SocketSampler() { stop(); }

void SocketSampler::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::vector<SocketSample> SocketSampler::samples() const {
  const std::lock_guard lock(mutex_);
  return samples_;
}

std::string SocketSampler::reason() const {
  const std::lock_guard lock(mutex_);
  return reason_;
}

void SocketSampler::run() try {
  std::int64_t due_ns = clock_now().ns;
  for (;;) {
    const std::int64_t begun_ns = clock_now().ns;
    const SocketSample sample = take();
    std::unique_lock lock(mutex_);
    if (samples_.size() < kSamplesMax) samples_.push_back(sample);
    const std::int64_t took_ns = sample.time_ns - begun_ns;
    due_ns = std::max(due_ns + interval_ns_, sample.time_ns + kPauseRatio * took_ns);
    const auto pause = std::chrono::nanoseconds(due_ns - sample.time_ns);
    if (stopped_.wait_for(lock, pause, [this] { return stopping_; })) return;
  }
} catch (const std::system_error& error) {
  const std::lock_guard lock(mutex_);
  reason_ = error.what();
}

SocketSample SocketSampler::take() {
  SocketSample sample;
  for (const auto& diag : diags_)
    for (const auto& socket : diag->queues(port_, kSampled)) add(socket, sample);
  sample.time_ns = clock_now().ns;
  sample.cpu_ns = thread_cpu_ns();
  return sample;
}

void SocketSampler::add(const SocketQueues& socket, SocketSample& sample) const {
  SideSample& side = socket.local_port == port_ ? sample.server : sample.client;
  side.memory_bytes += socket.memory_bytes.value_or(0);
  if (socket.state == kTcpListen) {
    side.listen_queue += socket.receive_queue;
    side.listen_queue_limit += socket.send_queue;
    return;
  }
  ++side.sockets;
  const auto counted = socket.state < kByState.size() ? kByState[socket.state] : nullptr;
  if (counted != nullptr) ++(side.*counted);
  side.receive_queue_bytes += socket.receive_queue;
  side.receive_queue_bytes_of_one = std::max(side.receive_queue_bytes_of_one, socket.receive_queue);
  side.send_queue_bytes += socket.send_queue;
  side.send_queue_bytes_of_one = std::max(side.send_queue_bytes_of_one, socket.send_queue);
}

}  // namespace zyphos
