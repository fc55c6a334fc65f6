#include "app/transfer.h"

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace zyphos::app {
namespace {

constexpr std::array<std::pair<std::string_view, Locking>, 3> kLocking{
    {{"given", Locking::given}, {"ranked", Locking::ranked}, {"retry", Locking::retry}}};

}  // namespace

Locking locking(std::string_view name) {
  for (const auto& [known, locking] : kLocking) {
    if (known == name) return locking;
  }
  throw std::invalid_argument("unknown locking '" + std::string(name) +
                              "' (known: given, ranked, retry)");
}

std::vector<std::string_view> locking_names() {
  std::vector<std::string_view> names;
  for (const auto& known : kLocking) names.push_back(known.first);
  return names;
}

std::unique_ptr<Exchange> Transfer::begin(const RequestHead& head, const ExchangeContext& context) {
  const bool back = requests_.fetch_add(1, std::memory_order_relaxed) % 2 == 1;
  move(accounts_[back ? 1 : 0], accounts_[back ? 0 : 1], context.counters);
  return hello_.begin(head, context);
}

void Transfer::move(Account& from, Account& to, Counters& counters) {
  const bool swapped = locking_ == Locking::ranked && &from > &to;
  Account* first = swapped ? &to : &from;
  Account* second = swapped ? &from : &to;
  // Who gave way waits next for the very lock that it could not have, and holds nothing while it
  // does (as std::lock: [thread.lock.algorithm]). With the old one first again it would take that
  // back before whoever waits for it has woken up, and so for ever: a livelock.
  while (!lock_both(*first, *second, counters)) std::swap(first, second);
  --from.balance;
  ++to.balance;
  second->mutex.unlock();
  first->mutex.unlock();
}

// False: nothing is locked, it is to be tried again.
bool Transfer::lock_both(Account& first, Account& second, Counters& counters) {
  first.mutex.lock();
  std::this_thread::sleep_for(std::chrono::nanoseconds(hold_ns_));
  std::string circle;
  if (second.mutex.lock_or_deadlock(circle)) return true;
  report(circle, counters);
  if (locking_ == Locking::retry) {
    first.mutex.unlock();
    return false;
  }
  second.mutex.lock();
  return true;
}

void Transfer::report(const std::string& circle, Counters& counters) {
  counters.error(Errc::deadlock);
  deadlocks_.fetch_add(1);
  std::call_once(reported_,
                 [&] { std::fputs(("zyphos: deadlock: " + circle + "\n").c_str(), stderr); });
}

}  // namespace zyphos::app
