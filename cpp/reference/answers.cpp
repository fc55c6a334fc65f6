#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "net/clock.h"
#include "net/timestamps.h"
#include "reference/server.h"

namespace zyphos::reference {
namespace {

Received receive_plainly(int fd, Bytes buffer) {
  const ssize_t size = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size > 0) return {Receive::bytes, static_cast<std::size_t>(size)};
  if (size == 0) return {Receive::finished, 0};
  return {errno == EAGAIN || errno == EINTR ? Receive::again : Receive::failed, 0};
}

// Keeps the processor busy: what a server's own work would do.
void burn(std::int64_t work_ns) {
  const Time end = clock_now() + work_ns;
  while (clock_now() < end) {
  }
}

}  // namespace

// Edge-triggered: a short receive was the last, unless the end has come with it.
void Server::readable(Peer& peer, bool hung_up) {
  const Bytes buffer(buffer_.get(), kBuffer_bytes);
  while (true) {
    std::int64_t stamp_ns = 0;
    const Received received = truthful_ ? receive_stamped(peer.fd.get(), buffer, stamp_ns)
                                        : receive_plainly(peer.fd.get(), buffer);
    if (received.state == Receive::again) return;
    if (received.state != Receive::bytes) return close(peer);
    if (!take(peer, buffer.first(received.size), stamp_ns)) return close(peer);
    if (received.size < buffer.size() && !hung_up) return;
  }
}

// False: the connection is to be closed.
bool Server::take(Peer& peer, ConstBytes came, std::int64_t stamp_ns) {
  if (peer.held.empty()) {
    const std::size_t used = answer_all(peer, came, stamp_ns);
    if (used > came.size()) return false;
    peer.held.append(as_text(came.subspan(used)));
  } else {
    peer.held.append(as_text(came));
    const std::size_t used = answer_all(peer, as_bytes(peer.held), stamp_ns);
    if (used > peer.held.size()) return false;
    peer.held.erase(0, used);
  }
  return peer.held.size() <= kRequest_bytes_max;
}

// Bytes of the complete requests in `held`; more than it has: one was lost with its connection.
std::size_t Server::answer_all(Peer& peer, ConstBytes held, std::int64_t stamp_ns) {
  const bool plain = !timed_ && !truthful_;
  std::size_t used = 0;
  ready_.clear();
  while (const std::size_t size = framing_->request_bytes(held.subspan(used))) {
    const ConstBytes request = held.subspan(used, size);
    used += size;
    if (options_.work_ns > 0) burn(options_.work_ns);
    if (plain) {
      framing_->answer(request, ready_);
    } else if (!answer_one(peer, request, stamp_ns)) {
      return held.size() + 1;
    }
  }
  if (!ready_.empty()) send(peer, ready_, Truth::kNone);
  return used;
}

// False: lost with its connection.
bool Server::answer_one(Peer& peer, ConstBytes request, std::int64_t stamp_ns) {
  const Time now = clock_now();
  const Time came = stamp_ns != 0 ? Time{stamp_ns - ahead_ns_} : now;
  Fate fate = schedule_.next(came);
  fate.lost |= peer.silent;
  const std::int64_t asked_ns = fate.lost ? 0 : fate.due - came;
  const Truth::Id id = truthful_ ? truth_.received(came, asked_ns, stamp_ns != 0) : Truth::kNone;
  if (fate.lost) {
    truth_.lost(id);
    peer.silent = true;
    return !options_.loss.close;
  }
  std::string answer;
  framing_->answer(request, answer);
  const Time due = std::max(fate.due, peer.last_due);
  if (due <= now && peer.waiting.empty()) {
    send(peer, answer, id);
    return true;
  }
  peer.last_due = due;
  peer.waiting.push_back({std::move(answer), id});
  due_.push({due, order_++, peer.fd.get(), peer.generation});
  return true;
}

void Server::release_due() {
  while (!due_.empty() && due_.top().time <= clock_now()) {
    const Due due = due_.top();
    due_.pop();
    release(due);
  }
}

void Server::release(const Due& due) {
  Peer* peer = peer_at(due.fd, due.generation);
  if (peer == nullptr) return;
  // A stall may have been ordered since.
  const Time time = schedule_.free_at(due.time);
  if (time > due.time) {
    due_.push({time, due.order, due.fd, due.generation});
    return;
  }
  const Peer::Waiting waiting = std::move(peer->waiting.front());
  peer->waiting.pop_front();
  send(*peer, waiting.answer, waiting.id);
}

// What the socket does not take now follows when it is writable.
void Server::send(Peer& peer, const std::string& bytes, Truth::Id id) {
  if (truthful_ && id != Truth::kNone) {
    const auto last = peer.sent_bytes + static_cast<std::uint32_t>(bytes.size()) - 1;
    peer.unstamped.push_back({last, id});
  }
  peer.sent_bytes += static_cast<std::uint32_t>(bytes.size());
  const bool behind = !peer.unsent.empty();
  if (behind) {
    peer.unsent += bytes;
    return;
  }
  const ssize_t size =
      ::send(peer.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  // A peer that has gone is seen by the receive that follows its event.
  const std::size_t sent = size > 0 ? static_cast<std::size_t>(size) : 0;
  if (sent < bytes.size() && (size > 0 || errno == EAGAIN)) peer.unsent = bytes.substr(sent);
}

void Server::send_unsent(Peer& peer) {
  const ssize_t size =
      ::send(peer.fd.get(), peer.unsent.data(), peer.unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (size > 0) peer.unsent.erase(0, static_cast<std::size_t>(size));
}

// One stamp stands for all answers up to its byte: the kernel may join them.
void Server::take_stamps(Peer& peer) {
  while (const auto stamp = take_sent_stamp(peer.fd.get())) {
    const Time left{stamp->stamp_ns - ahead_ns_};
    while (!peer.unstamped.empty() &&
           static_cast<std::int32_t>(stamp->last_byte - peer.unstamped.front().last_byte) >= 0) {
      truth_.answered(peer.unstamped.front().id, left, stamp->stamp_ns != 0);
      peer.unstamped.pop_front();
    }
  }
}

}  // namespace zyphos::reference
