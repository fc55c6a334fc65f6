#include "engine/mailbox.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace zyphos {

Mailbox::Mailbox(bool with_event) {
  if (!with_event) return;
  event_ = Fd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!event_) throw std::system_error(errno, std::generic_category(), "eventfd");
}

void Mailbox::wake(std::uint32_t slot, std::uint32_t generation, std::uint32_t tag) noexcept {
  {
    const std::scoped_lock lock(mutex_);
    if (slot >= cells_.size()) return;
    Cell& cell = cells_[slot];
    if (cell.generation != generation || !cell.put(tag)) return;
    mail_.push_back({.slot = slot, .generation = generation, .tag = tag});
  }
  ring();
}

bool Mailbox::Cell::put(std::uint32_t tag) {
  if (tag == 0) return !std::exchange(plain, true);
  if (!tags) tags = std::make_unique<std::vector<std::uint32_t>>();
  if (std::ranges::find(*tags, tag) != tags->end()) return false;
  tags->push_back(tag);
  return true;
}

void Mailbox::Cell::empty() {
  plain = false;
  if (tags) tags->clear();
}

void Mailbox::poke() noexcept { ring(); }

// The driver says that it sleeps before it looks for mail a last time; here mail is announced
// before looking whether it sleeps. Both in one total order, so one of the two sees the other.
void Mailbox::ring() noexcept {
  anything_.store(true);
  if (!sleeping_.exchange(false)) return;
  const std::scoped_lock lock(mutex_);  // close() takes the descriptor away
  if (event_) eventfd_write(event_.get(), 1);
}

bool Mailbox::sleep() {
  sleeping_.store(true);
  if (!anything_.load()) return true;
  sleeping_.store(false);
  return false;
}

void Mailbox::clear_event() {
  eventfd_t count = 0;
  eventfd_read(event_.get(), &count);
}

std::uint32_t Mailbox::admit(std::uint32_t slot) {
  const std::scoped_lock lock(mutex_);
  if (slot >= cells_.size()) cells_.resize(slot + 1);
  return cells_[slot].generation;
}

// What its last user has in the box is nothing to the next one.
void Mailbox::dismiss(std::uint32_t slot) {
  const std::scoped_lock lock(mutex_);
  ++cells_[slot].generation;
  cells_[slot].empty();
}

void Mailbox::collect(std::vector<Mail>& mail) {
  mail.clear();
  if (!anything_.load(std::memory_order_relaxed)) return;
  const std::scoped_lock lock(mutex_);
  anything_.store(false);
  mail.swap(mail_);
  for (const Mail& letter : mail) cells_[letter.slot].empty();
}

void Mailbox::close() {
  const std::scoped_lock lock(mutex_);
  cells_.clear();
  mail_.clear();
  event_.reset();
}

}  // namespace zyphos
