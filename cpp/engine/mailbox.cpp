#include "engine/mailbox.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

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
    if (!cell.admitted || cell.generation != generation) return;
    if (std::ranges::find(cell.tags, tag) != cell.tags.end()) return;
    cell.tags.push_back(tag);
    mail_.push_back({.slot = slot, .generation = generation, .tag = tag});
  }
  ring();
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

void Mailbox::admit(std::uint32_t slot, std::uint32_t generation) {
  const std::scoped_lock lock(mutex_);
  if (slot >= cells_.size()) cells_.resize(slot + 1);
  cells_[slot].generation = generation;
  cells_[slot].admitted = true;
}

void Mailbox::dismiss(std::uint32_t slot) {
  const std::scoped_lock lock(mutex_);
  cells_[slot].admitted = false;
}

void Mailbox::collect(std::vector<Mail>& mail) {
  mail.clear();
  if (!anything_.load(std::memory_order_relaxed)) return;
  const std::scoped_lock lock(mutex_);
  anything_.store(false);
  mail.swap(mail_);
  for (const Mail& letter : mail) cells_[letter.slot].tags.clear();
}

void Mailbox::close() {
  const std::scoped_lock lock(mutex_);
  for (Cell& cell : cells_) cell.admitted = false;
  mail_.clear();
  event_.reset();
}

}  // namespace zyphos
