#include "fetch/fetcher.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "net/clock.h"
#include "net/socket.h"

namespace zyphos::fetch {
namespace {

// How often it looks whether a ticket has come: a receive does not return for that alone.
constexpr std::int64_t kLook_ns = 2 * kMillisecond_ns;

// RFC 9112, 3: in origin-form; Host without the scheme's own port (RFC 9110, 7.2).
std::string request_of(const FetchOptions& options) {
  const std::uint16_t usual = options.tls.version == Version::none ? 80 : 443;
  std::string host = options.name;
  if (options.port != usual) host += ":" + std::to_string(options.port);
  return "GET " + options.path + " HTTP/1.1\r\nHost: " + host +
         "\r\nUser-Agent: zyphos-fetch\r\nAccept: */*\r\n\r\n";
}

dns::Question question_of(const FetchOptions& options) {
  return {.name = options.name, .type = options.ipv6 ? dns::Type::aaaa : dns::Type::a};
}

std::expected<Fd, Errc> dial(const Address& address, Waiter& waiter, Time end) {
  Dialed dialed = dial_socket(address, {.tcp_nodelay = true});
  if (dialed.error != Errc::ok) return std::unexpected(dialed.error);
  if (dialed.connected) return std::move(dialed.fd);
  Errc error = waiter.wait(dialed.fd.get(), POLLOUT, end);
  if (error == Errc::ok) error = connect_result(dialed.fd.get());
  if (error != Errc::ok) return std::unexpected(error);
  return std::move(dialed.fd);
}

}  // namespace

std::array<std::int64_t, kPhases.size()> phases_of(const Moments& moments) {
  const Time asked = std::max(moments.secured, moments.sent);
  return {moments.resolved - moments.begun,    moments.connected - moments.resolved,
          moments.secured - moments.connected, asked - moments.secured,
          moments.first_byte - asked,          moments.done - moments.first_byte,
          moments.first_byte - moments.begun};
}

Fetcher::Fetcher(const FetchOptions& options, Waiter& waiter, Counters& counters)
    : options_(options),
      waiter_(waiter),
      counters_(counters),
      request_(request_of(options)),
      resolver_(*Address::parse(options.resolver_address, options.resolver_port),
                question_of(options), options.resolver_timeout_ns, waiter, options.seed) {
  if (options_.tls.version != Version::none) tls_.emplace(options_.tls, options_.name, waiter_);
}

Errc Fetcher::prepare(Time end) {
  if (!options_.reuse) leave(end);
  if (stream_) return Errc::ok;
  if (options_.dns_cached) {
    const auto address = resolver_.resolve_cached(end);
    if (!address) return address.error();
  }
  if (lacks_ticket()) {
    const Errc error = gather_ticket(end);
    if (error != Errc::ok) return error;
  }
  if (!options_.reuse) return Errc::ok;
  Moments moments;
  const Errc error = whole(moments, options_.tls.session, end);
  if (error != Errc::ok) drop();
  return error;
}

// Drops the connection of the last fetch, but for the ticket that it may bring yet: with early data
// the answer comes before the server has all of the handshake, and so before its tickets. That is a
// round trip, less than the fetch was.
void Fetcher::leave(Time end) {
  const bool brings = lacks_ticket() && options_.tls.version == Version::tls1_3;
  const Time until = std::min(end, clock_now() + last_ns_);
  if (stream_ && brings) static_cast<void>(await_ticket(until));
  drop();
}

bool Fetcher::lacks_ticket() const {
  return tls_ && options_.tls.session != Session::fresh && tls_->tickets() == 0;
}

// By a connection with a whole handshake.
Errc Fetcher::gather_ticket(Time end) {
  Moments moments;
  Errc error = whole(moments, Session::fresh, end);
  if (error == Errc::ok) error = await_ticket(end);
  drop();
  return error;
}

// A server sends its tickets when it likes, mostly before the answer.
Errc Fetcher::await_ticket(Time end) {
  while (tls_->tickets() == 0) {
    if (!stream_) return Errc::wrong_tls;
    response_.reset();
    const auto came = stream_->receive(response_.room(), std::min(end, clock_now() + kLook_ns));
    if (came) return *came == 0 ? Errc::wrong_tls : Errc::unexpected_data;
    const bool over = waiter_.stopped() || clock_now() >= end;
    if (came.error() != Errc::deadline || over) return came.error();
  }
  return Errc::ok;
}

Fetched Fetcher::fetch(Time end) {
  Fetched fetched;
  Moments& moments = fetched.moments;
  moments.begun = moments.resolved = moments.connected = moments.secured = clock_now();
  fetched.error = stream_ ? exchange(moments, end) : whole(moments, options_.tls.session, end);
  if (fetched.error == Errc::ok) fetched.error = judge();
  if (fetched.error != Errc::ok) drop();
  last_ns_ = clock_now() - moments.begun;
  return fetched;
}

void Fetcher::drop() {
  if (stream_) counters_.add(Counter::closed);
  stream_.reset();
}

Errc Fetcher::whole(Moments& moments, Session session, Time end) {
  const Errc error = open(moments, session, end);
  return error == Errc::ok ? exchange(moments, end) : error;
}

std::expected<Address, Errc> Fetcher::resolve(Time end) {
  return options_.dns_cached ? resolver_.resolve_cached(end) : resolver_.resolve(end);
}

Errc Fetcher::open(Moments& moments, Session session, Time end) {
  request_sent_ = false;
  auto address = resolve(end);
  if (!address) return address.error();
  moments.resolved = clock_now();
  address->port = options_.port;
  auto fd = dial(*address, waiter_, end);
  if (!fd) return fd.error();
  moments.connected = moments.secured = clock_now();
  counters_.add(Counter::connected);
  if (tls_) return secure(std::move(*fd), moments, session, end);
  stream_ = std::make_unique<PlainStream>(std::move(*fd), waiter_);
  return Errc::ok;
}

Errc Fetcher::secure(Fd fd, Moments& moments, Session session, Time end) {
  auto opened = tls_->open(std::move(fd), session, as_bytes(request_), end);
  if (!opened) return opened.error();
  moments.secured = clock_now();
  if (opened->early) {
    moments.sent = opened->early_sent;
    request_sent_ = true;
  }
  stream_ = std::move(opened->stream);
  return Errc::ok;
}

Errc Fetcher::exchange(Moments& moments, Time end) {
  if (!std::exchange(request_sent_, false)) {
    const Errc error = stream_->send(as_bytes(request_), end);
    if (error != Errc::ok) return error;
    moments.sent = clock_now();
  }
  counters_.add(Counter::bytes_out, request_.size());
  return read(moments, end);
}

Errc Fetcher::read(Moments& moments, Time end) {
  response_.reset();
  moments.first_byte = Time{};
  while (!response_.done()) {
    const auto came = stream_->receive(response_.room(), end);
    if (!came) return came.error();
    moments.done = clock_now();
    if (moments.first_byte == Time{}) moments.first_byte = moments.done;
    counters_.add(Counter::bytes_in, *came);
    const Errc error = *came == 0 ? response_.finished() : response_.came(*came);
    if (error != Errc::ok) return error;
  }
  if (response_.closes()) drop();
  return Errc::ok;
}

Errc Fetcher::judge() const {
  const auto& status = options_.check.status;
  const bool good = status ? response_.status() == *status : response_.status() / 100 == 2;
  if (!good) return Errc::wrong_status;
  const auto& size = options_.check.body_bytes;
  return size && *size != response_.body_bytes() ? Errc::wrong_body : Errc::ok;
}

}  // namespace zyphos::fetch
