#include "net/options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <system_error>
#include <variant>

namespace zyphos {
namespace {

using Options = SocketOptions;
using Member = std::variant<std::optional<bool> Options::*, std::optional<int> Options::*,
                            std::optional<std::string> Options::*>;

struct Entry {
  std::string_view name;
  Member member;
  int level;
  int option;
  std::optional<SocketRole> only = {};  // empty: of all

  bool is_for(SocketRole role) const { return !only || *only == role; }
};

constexpr int kTcp = IPPROTO_TCP;
constexpr int kSocket = SOL_SOCKET;

const std::array kTable{
    Entry{"tcp_nodelay", &Options::tcp_nodelay, kTcp, TCP_NODELAY},
    Entry{"tcp_quickack", &Options::tcp_quickack, kTcp, TCP_QUICKACK},
    Entry{"tcp_congestion", &Options::tcp_congestion, kTcp, TCP_CONGESTION},
    Entry{"tcp_user_timeout_ms", &Options::tcp_user_timeout_ms, kTcp, TCP_USER_TIMEOUT},
    Entry{"tcp_notsent_lowat", &Options::tcp_notsent_lowat, kTcp, TCP_NOTSENT_LOWAT},
    Entry{"so_rcvbuf", &Options::so_rcvbuf, kSocket, SO_RCVBUF},
    Entry{"so_sndbuf", &Options::so_sndbuf, kSocket, SO_SNDBUF},
    Entry{"so_linger", &Options::so_linger, kSocket, SO_LINGER},
    Entry{"so_keepalive", &Options::so_keepalive, kSocket, SO_KEEPALIVE},
    Entry{"tcp_keepidle", &Options::tcp_keepidle, kTcp, TCP_KEEPIDLE},
    Entry{"tcp_keepintvl", &Options::tcp_keepintvl, kTcp, TCP_KEEPINTVL},
    Entry{"tcp_keepcnt", &Options::tcp_keepcnt, kTcp, TCP_KEEPCNT},
    Entry{"so_busy_poll", &Options::so_busy_poll, kSocket, SO_BUSY_POLL},
    Entry{"so_prefer_busy_poll", &Options::so_prefer_busy_poll, kSocket, SO_PREFER_BUSY_POLL},
    Entry{"so_busy_poll_budget", &Options::so_busy_poll_budget, kSocket, SO_BUSY_POLL_BUDGET},
    Entry{"tcp_fastopen", &Options::tcp_fastopen, kTcp, TCP_FASTOPEN, SocketRole::listening},
    Entry{"tcp_fastopen_connect", &Options::tcp_fastopen_connect, kTcp, TCP_FASTOPEN_CONNECT,
          SocketRole::dialing},
};

using Parsed = std::expected<void, std::string>;

Parsed parse(std::string_view text, std::optional<bool>& out) {
  if (text != "true" && text != "false") return std::unexpected("true or false");
  out = text == "true";
  return {};
}

Parsed parse(std::string_view text, std::optional<int>& out) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) {
    return std::unexpected("a whole number, 0 or more");
  }
  out = value;
  return {};
}

Parsed parse(std::string_view text, std::optional<std::string>& out) {
  if (text.empty()) return std::unexpected("a name");
  out = std::string(text);
  return {};
}

int put(int fd, const Entry& entry, const void* value, std::size_t size) {
  return setsockopt(fd, entry.level, entry.option, value, static_cast<socklen_t>(size));
}

int put(int fd, const Entry& entry, const std::string& value) {
  return put(fd, entry, value.data(), value.size());
}

int put(int fd, const Entry& entry, int value) {
  if (entry.level == kSocket && entry.option == SO_LINGER) {
    const linger setting{.l_onoff = 1, .l_linger = value};
    return put(fd, entry, &setting, sizeof setting);
  }
  return put(fd, entry, &value, sizeof value);
}

// A kernel that lets no server take data in a SYN keeps the option and says nothing.
void expect_fastopen() {
  constexpr unsigned kServers = 2;
  std::ifstream file("/proc/sys/net/ipv4/tcp_fastopen");
  unsigned setting = kServers;  // nobody can say: as if it were
  file >> setting;
  if ((setting & kServers) != 0) return;
  throw std::system_error(
      EOPNOTSUPP, std::generic_category(),
      "cannot set socket option tcp_fastopen: sysctl net.ipv4.tcp_fastopen is " +
          std::to_string(setting) + ", a server needs its bit 2");
}

}  // namespace

std::vector<std::string_view> socket_option_names(SocketRole role) {
  std::vector<std::string_view> names;
  names.reserve(std::size(kTable));
  for (const Entry& entry : kTable) {
    if (entry.is_for(role)) names.push_back(entry.name);
  }
  return names;
}

std::expected<void, std::string> set_option(SocketOptions& options, std::string_view name,
                                            std::string_view text) {
  for (const Entry& entry : kTable) {
    if (entry.name != name) continue;
    const Parsed parsed =
        std::visit([&](auto member) { return parse(text, options.*member); }, entry.member);
    if (parsed) return {};
    return std::unexpected(std::string(name) + " must be " + parsed.error() + ", not '" +
                           std::string(text) + "'");
  }
  return std::unexpected("unknown socket option '" + std::string(name) + "'");
}

void apply(int fd, const SocketOptions& options, SocketRole role) {
  if (role == SocketRole::listening && options.tcp_fastopen) expect_fastopen();
  for (const Entry& entry : kTable) {
    if (!entry.is_for(role)) continue;
    const int result = std::visit(
        [&](auto member) {
          const auto& value = options.*member;
          return value ? put(fd, entry, *value) : 0;
        },
        entry.member);
    if (result != 0) {
      throw std::system_error(errno, std::generic_category(),
                              "cannot set socket option " + std::string(entry.name));
    }
  }
}

void rearm_quickack(int fd, const SocketOptions& options) {
  if (!options.tcp_quickack.value_or(false)) return;
  const int on = 1;
  setsockopt(fd, kTcp, TCP_QUICKACK, &on, sizeof on);
}

}  // namespace zyphos
