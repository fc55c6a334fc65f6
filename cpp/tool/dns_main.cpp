// zyphos-dns: a small name server (cpp/fetch/name_server.h). First line on stdout:
// `listening ADDRESS:PORT`. SIGTERM or SIGINT ends it, exit 0. Exit 1: it could not be set up; 2:
// usage.
#include <cerrno>
#include <cstdio>
#include <exception>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "fetch/name_server.h"
#include "tool/process.h"

namespace {

constexpr const char* kProgram = "zyphos-dns";

struct Setting {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  std::uint32_t ttl_s = 300;
  std::int64_t delay_ns = 0;
  std::vector<std::pair<std::string, zyphos::Address>> records;
  bool parent_death = false;
};

// The table refers to `setting`, which must outlive it.
zyphos::Words words_of(Setting& setting) {
  zyphos::Words words;
  words.text("address", "to listen on (IPv4 or IPv6)", setting.address);
  words.number("port", "to listen on; 0: a free one", setting.port, std::uint16_t{0});
  words.number("ttl_s", "seconds that an answer may be kept", setting.ttl_s, std::uint32_t{0});
  words.number("delay_ns", "from a query to its answer", setting.delay_ns, std::int64_t{0});
  words.add_family(
      "record.", "an address (A or AAAA) of this host; may be given again",
      [&setting](std::string_view name, std::string_view value) -> zyphos::Words::Result {
        if (!zyphos::dns::valid_name(name)) return std::unexpected("is no host name");
        const auto address = zyphos::Address::parse(value, 0);
        if (!address) return std::unexpected(address.error());
        setting.records.emplace_back(name, *address);
        return {};
      });
  words.flag("parent_death", "end when the parent process does", setting.parent_death);
  return words;
}

int serve(const Setting& setting, const zyphos::Address& address) {
  const zyphos::Fd signals = zyphos::signals_as_fd();
  if (setting.parent_death) zyphos::die_with_parent();
  zyphos::dns::Zone zone(setting.ttl_s);
  for (const auto& [name, host] : setting.records) zone.add(name, host);
  zyphos::fetch::NameServer server(address, std::move(zone), setting.delay_ns);
  std::printf("listening %s\n", server.address().text().c_str());
  // Fails also where the parent ended before die_with_parent() was reached.
  if (std::fflush(stdout) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot say where it listens");
  }
  server.run(signals.get());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Setting setting;
    const zyphos::Usage usage = zyphos::read_words(words_of(setting), argc, argv, kProgram);
    if (!usage.go_on) return usage.exit_code;
    const auto address = zyphos::Address::parse(setting.address, setting.port);
    if (address) return serve(setting, *address);
    zyphos::complain(kProgram, address.error());
    return 2;
  } catch (const std::exception& error) {
    zyphos::complain(kProgram, error.what());
    return 1;
  }
}
