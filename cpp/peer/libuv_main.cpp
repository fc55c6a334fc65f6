// zyphos-peer-libuv ADDRESS PORT: hello over HTTP/1.1 on libuv, as one writes it who knows the
// library and wants it fast: one loop, one read buffer for all connections (what is read is parsed
// before the next read), an answer is sent at once where the socket takes it (uv_try_write), and
// all requests of a read are answered by one send. First line on stdout: `listening ADDRESS:PORT`;
// a signal ends it. Exit 1: it could not be set up; 2: usage.
#include <uv.h>

#include <ctime>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "peer/hello.h"
#include "peer/words.h"

namespace {

using zyphos::peer::Hello;

void check(int status, const char* doing) {
  if (status < 0) throw std::runtime_error(std::string(doing) + ": " + uv_strerror(status));
}

struct Server {
  uv_loop_t loop{};
  uv_tcp_t listener{};
  uv_timer_t date{};
  Hello hello{std::time(nullptr)};
  std::vector<char> in = std::vector<char>(64 * 1024);
  std::string out;
};

// Owned by its handle: freed when libuv says that this is closed.
struct Connection {
  uv_tcp_t handle{};
  uv_write_t writing{};
  Server* server = nullptr;
  std::string held;     // of a request that has not come whole
  std::string waiting;  // what the socket did not take
  bool close = false;
};

uv_stream_t* stream_of(Connection& one) { return reinterpret_cast<uv_stream_t*>(&one.handle); }

void close(Connection& one) {
  uv_handle_t* handle = reinterpret_cast<uv_handle_t*>(&one.handle);
  if (uv_is_closing(handle) == 0) {
    uv_close(handle, [](uv_handle_t* closed) { delete static_cast<Connection*>(closed->data); });
  }
}

void lend_buffer(uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
  std::vector<char>& in = static_cast<Connection*>(handle->data)->server->in;
  *buffer = uv_buf_init(in.data(), static_cast<unsigned>(in.size()));
}

void received(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer);

// The end of all answers; what comes after is read and left alone, since unread input would make a
// reset of the close, and eat the answer.
void written(Connection& one) {
  if (!one.close) {
    uv_read_start(stream_of(one), lend_buffer, received);
    return;
  }
  auto* ending = new uv_shutdown_t;
  const int status = uv_shutdown(ending, stream_of(one), [](uv_shutdown_t* done, int) {
    uv_read_start(done->handle, lend_buffer, received);
    delete done;
  });
  if (status < 0) {
    delete ending;
    close(one);
  }
}

void write_rest(Connection& one, std::string_view rest) {
  uv_read_stop(stream_of(one));
  one.waiting = rest;
  const uv_buf_t whole = uv_buf_init(one.waiting.data(), static_cast<unsigned>(rest.size()));
  const int status =
      uv_write(&one.writing, stream_of(one), &whole, 1, [](uv_write_t* request, int error) {
        auto& done = *static_cast<Connection*>(request->handle->data);
        error < 0 ? close(done) : written(done);
      });
  if (status < 0) close(one);
}

void send(Connection& one, std::string& out) {
  const uv_buf_t whole = uv_buf_init(out.data(), static_cast<unsigned>(out.size()));
  const int sent = uv_try_write(stream_of(one), &whole, 1);
  if (sent < 0 && sent != UV_EAGAIN) return close(one);
  const std::size_t taken = sent < 0 ? 0 : static_cast<std::size_t>(sent);
  if (taken < out.size()) return write_rest(one, std::string_view(out).substr(taken));
  if (one.close) {
    uv_read_stop(stream_of(one));
    written(one);
  }
}

void received(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer) {
  auto& one = *static_cast<Connection*>(stream->data);
  if (count < 0) return close(one);
  if (one.close || count == 0) return;
  std::string_view in(buffer->base, static_cast<std::size_t>(count));
  const bool joined = !one.held.empty();
  if (joined) in = one.held.append(in);
  std::string& out = one.server->out;
  out.clear();
  const Hello::Step step = one.server->hello.answer(in, out);
  one.close = step.close;
  if (joined) {
    one.held.erase(0, step.consumed);
  } else {
    one.held.assign(in.substr(step.consumed));
  }
  if (!out.empty()) send(one, out);
}

void accept(uv_stream_t* listener, int status) {
  if (status < 0) return;
  auto& server = *static_cast<Server*>(listener->data);
  auto one = std::make_unique<Connection>();
  if (uv_tcp_init(&server.loop, &one->handle) < 0) return;
  Connection& kept = *one.release();
  kept.server = &server;
  kept.handle.data = &kept;
  if (uv_accept(listener, stream_of(kept)) < 0) return close(kept);
  uv_tcp_nodelay(&kept.handle, 1);
  uv_read_start(stream_of(kept), lend_buffer, received);
}

sockaddr_storage parsed(const zyphos::peer::Words& asked) {
  sockaddr_storage where{};
  const char* text = asked.address.c_str();
  if (uv_ip4_addr(text, asked.port, reinterpret_cast<sockaddr_in*>(&where)) < 0) {
    check(uv_ip6_addr(text, asked.port, reinterpret_cast<sockaddr_in6*>(&where)), text);
  }
  return where;
}

std::string where(const uv_tcp_t& listener) {
  sockaddr_storage bound{};
  auto* address = reinterpret_cast<sockaddr*>(&bound);
  int size = sizeof bound;
  check(uv_tcp_getsockname(&listener, address, &size), "getsockname");
  char text[INET6_ADDRSTRLEN] = {};
  const auto* four = reinterpret_cast<const sockaddr_in*>(address);
  const auto* six = reinterpret_cast<const sockaddr_in6*>(address);
  const bool old = bound.ss_family == AF_INET;
  check(old ? uv_ip4_name(four, text, sizeof text) : uv_ip6_name(six, text, sizeof text),
        "address");
  return zyphos::peer::place(text, ntohs(old ? four->sin_port : six->sin6_port));
}

void serve(const zyphos::peer::Words& asked) {
  Server server;
  check(uv_loop_init(&server.loop), "loop");
  check(uv_tcp_init(&server.loop, &server.listener), "socket");
  const sockaddr_storage address = parsed(asked);
  check(uv_tcp_bind(&server.listener, reinterpret_cast<const sockaddr*>(&address), 0), "bind");
  server.listener.data = &server;
  auto* listener = reinterpret_cast<uv_stream_t*>(&server.listener);
  check(uv_listen(listener, 4096, accept), "listen");
  check(uv_timer_init(&server.loop, &server.date), "timer");
  server.date.data = &server;
  const auto tick = [](uv_timer_t* timer) {
    static_cast<Server*>(timer->data)->hello.set_date(std::time(nullptr));
  };
  check(uv_timer_start(&server.date, tick, 1000, 1000), "timer");
  std::cout << "listening " << where(server.listener) << std::endl;
  uv_run(&server.loop, UV_RUN_DEFAULT);
}

}  // namespace

int main(int argc, char** argv) {
  const auto asked = zyphos::peer::read_words(argc, argv, "zyphos-peer-libuv");
  if (!asked) return 2;
  try {
    serve(*asked);
  } catch (const std::exception& error) {
    std::cerr << "zyphos-peer-libuv: " << error.what() << '\n';
  }
  return 1;
}
