// By AF_XDP: an XDP program sends the port's frames into memory of ours, each is made its answer
// where it lies (frame.h) and goes out again from there. The kernel's IP and UDP see none of it.
#include <net/if.h>
#include <poll.h>

#include "base/check.h"
#include "datagram/answerer.h"
#include "datagram/frame.h"
#include "datagram/not_here.h"
#include "datagram/udp_socket.h"
#include "datagram/xdp_socket.h"
#include "probe/xdp_steering.h"

namespace zyphos::datagram {
namespace {

unsigned index_of(const std::string& interface) {
  const unsigned index = ::if_nametoindex(interface.c_str());
  if (index == 0) fail("interface " + interface);
  return index;
}

class XdpAnswerer final : public TurningAnswerer {
 public:
  XdpAnswerer(const AnswerOptions& options, Counters& counters)
      : TurningAnswerer(options, counters),
        port_(options.address),
        socket_(options.xdp, index_of(options.interface)) {
    address_ = port_.address();
    busy_poll(socket_.fd(), options.busy_poll_us);
    const bool native = options.xdp.mode == XdpMode::native;
    auto steering = XdpSteering::attach(options.interface, address_, native);
    if (!steering) throw NotHere(steering.error());
    steering_ = std::move(*steering);
    steering_->redirect(options.xdp.queue, socket_.fd());
  }

  std::string manner() const override {
    const auto mode = static_cast<std::size_t>(options_.xdp.mode);
    return "xdp " + std::string(kXdpModeNames[mode]) +
           (socket_.zero_copy() ? " zero-copy" : " copy") +
           (options_.xdp.need_wakeup ? " need_wakeup" : "");
  }

 protected:
  unsigned turn() override {
    socket_.reclaim();
    const std::uint32_t count = socket_.rx().ready(options_.batch);
    if (count == 0) {
      // What did not leave last time, for want of room.
      if (socket_.unsent() > 0) count_sends(socket_.send());
      return 0;
    }
    unsigned answers = 0;
    for (std::uint32_t i = 0; i < count; ++i) answers += answer(socket_.rx().take());
    socket_.rx().release();
    socket_.give_back();
    socket_.tx().submit();
    counters_.add(Counter::datagrams_out, answers);
    counters_.add(Counter::requests, answers);
    count_sends(socket_.send());
    return count;
  }

  int readable() const override { return socket_.fd(); }
  // Poll sends, too, what has not left yet.
  short awaited() const override { return socket_.unsent() > 0 ? POLLIN | POLLOUT : POLLIN; }
  std::uint64_t dropped() const override { return socket_.dropped(); }

 private:
  // How many answers that made.
  unsigned answer(const xdp_desc& at) {
    const Bytes frame = socket_.frame(at);
    if (answer_in_place(frame, address_.port) != Frame::answered) {
      counters_.add(Counter::datagrams_refused);
      socket_.give(at.addr);
      return 0;
    }
    counters_.add(Counter::datagrams_in);
    counters_.add(Counter::bytes_in, frame.size() - kHeaders_bytes);
    counters_.add(Counter::bytes_out, frame.size() - kHeaders_bytes);
    ZY_CHECK(socket_.tx().room(1) == 1);  // every frame fits in
    socket_.tx().put({.addr = at.addr, .len = at.len, .options = 0});
    return 1;
  }

  void count_sends(unsigned calls) {
    if (calls > 0) counters_.add(Counter::send_calls, calls);
  }

  HeldPort port_;
  XdpSocket socket_;
  std::unique_ptr<XdpSteering> steering_;
};

}  // namespace

std::unique_ptr<Answerer> make_xdp_answerer(const AnswerOptions& options, Counters& counters) {
  return std::make_unique<XdpAnswerer>(options, counters);
}

}  // namespace zyphos::datagram
