#include "ipc/ring.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <climits>
#include <cstring>
#include <system_error>

#include "base/check.h"

namespace zyphos::ipc {
namespace {

// Not FUTEX_PRIVATE_FLAG: the two are different processes.
long futex(std::atomic<std::uint32_t>& word, int what, std::uint32_t value) {
  return ::syscall(SYS_futex, &word, what, value, nullptr, nullptr, 0);
}

[[noreturn]] void fail(const char* doing) {
  throw std::system_error(errno, std::generic_category(), doing);
}

// Where nobody ever sleeps it need not be ordered before the look at who does (ring.h, 2), and is
// no more than a store.
void publish(std::atomic<std::uint64_t>& number, std::uint64_t value, bool sleeps) {
  number.store(value, sleeps ? std::memory_order_seq_cst : std::memory_order_release);
}

}  // namespace

void Waiting::look_again() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

void Waiting::sleep(std::atomic<std::uint32_t>& flag) const {
  if (by_ == By::futex) {
    if (futex(flag, FUTEX_WAIT, 1) != 0 && errno != EAGAIN && errno != EINTR) fail("futex");
    return;
  }
  std::uint64_t count = 0;
  if (::read(eventfd_, &count, sizeof count) < 0 && errno != EINTR) fail("reading an eventfd");
}

void Waiting::end_sleep(std::atomic<std::uint32_t>& flag) const {
  flag.store(0, std::memory_order_relaxed);
  if (by_ == By::futex) {
    if (futex(flag, FUTEX_WAKE, 1) < 0) fail("futex");
    return;
  }
  const std::uint64_t one = 1;
  if (::write(eventfd_, &one, sizeof one) < 0) fail("writing an eventfd");
}

RingShape::RingShape(const ChannelOptions& options)
    : slot_bytes((options.message_bytes + kLine_bytes - 1) / kLine_bytes * kLine_bytes),
      slots(std::max<std::uint64_t>(2, std::bit_floor(options.buffer_bytes / slot_bytes))),
      bytes(sizeof(RingHead) + slot_bytes * slots) {}

RingWriter::RingWriter(void* memory, const ChannelOptions& options, int data_eventfd,
                       int room_eventfd)
    : head_(*static_cast<RingHead*>(memory)),
      slots_(static_cast<std::byte*>(memory) + sizeof(RingHead)),
      shape_(options),
      data_(options.by, options.spins, data_eventfd),
      room_(options.by, options.spins, room_eventfd) {}

bool RingWriter::full() {
  if (written_ - taken_ < shape_.slots) return false;
  taken_ = head_.taken.load(std::memory_order_seq_cst);
  return written_ - taken_ == shape_.slots;
}

void RingWriter::send(ConstBytes message) {
  ZY_DCHECK(message.size() <= shape_.slot_bytes);
  if (full()) room_.until([this] { return !full(); }, head_.writer_sleeps);
  std::byte* slot = slots_ + (written_ & (shape_.slots - 1)) * shape_.slot_bytes;
  std::memcpy(slot, message.data(), message.size());
  publish(head_.written, ++written_, data_.sleeps());
  data_.wake(head_.reader_sleeps);
}

RingReader::RingReader(void* memory, const ChannelOptions& options, int data_eventfd,
                       int room_eventfd)
    : head_(*static_cast<RingHead*>(memory)),
      slots_(static_cast<const std::byte*>(memory) + sizeof(RingHead)),
      shape_(options),
      message_bytes_(options.message_bytes),
      data_(options.by, options.spins, data_eventfd),
      room_(options.by, options.spins, room_eventfd) {}

void RingReader::give_back() {
  shown_ = false;
  publish(head_.taken, ++taken_, room_.sleeps());
  if (written_ - taken_ <= shape_.slots / 2) room_.wake(head_.writer_sleeps);
}

ConstBytes RingReader::receive() {
  if (shown_) give_back();
  if (written_ == taken_) {
    const auto come = [this] {
      written_ = head_.written.load(std::memory_order_seq_cst);
      return written_ != taken_;
    };
    data_.until(come, head_.reader_sleeps);
  }
  shown_ = true;
  return {slots_ + (taken_ & (shape_.slots - 1)) * shape_.slot_bytes, message_bytes_};
}

}  // namespace zyphos::ipc
