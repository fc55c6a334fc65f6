#include "engine/worker_busy.h"

#include <fcntl.h>

#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "net/fd.h"

namespace zyphos {
namespace {

// The next number of `text`, which it takes from it.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc{}) return {};
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  if (text.starts_with(' ')) text.remove_prefix(1);
  return value;
}

// On a CPU, and ready for one, since the start of its only thread.
std::optional<std::int64_t> busy_ns(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/schedstat";
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 128> text{};
  const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : -1;
  if (size <= 0) return {};
  std::string_view rest(text.data(), static_cast<std::size_t>(size));
  const auto ran_ns = take_number(rest);
  const auto waited_ns = ran_ns ? take_number(rest) : std::nullopt;
  if (!waited_ns) return {};
  return *ran_ns + *waited_ns;
}

}  // namespace

double WorkerBusy::share_since(pid_t pid, Time now) {
  const std::optional<std::int64_t> busy = pid == 0 ? std::nullopt : busy_ns(pid);
  const bool known = busy && pid == pid_ && now > looked_;
  const double share =
      known ? static_cast<double>(*busy - busy_ns_) / static_cast<double>(now - looked_) : 0.0;
  pid_ = busy ? pid : 0;
  looked_ = now;
  busy_ns_ = busy.value_or(0);
  return share;
}

}  // namespace zyphos
