// Site: the web server's Handler: a folder's files by GET and HEAD, with everything that a browser
// or a downloader asks of them: types, preconditions, ranges, encodings that lie there ready,
// listings, pages for errors, logs. It knows no HTTP version and no sockets.
//
// Cost: a file that is kept open costs no allocation and, small, one pread; else openat2, fstat and
// close besides. A listing reads its folder on the caller's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "app/web/conditions.h"
#include "app/web/encoding.h"
#include "app/web/exchanges.h"
#include "app/web/log.h"
#include "app/web/open_files.h"
#include "app/web/root.h"
#include "app/web/target.h"
#include "app/web/types.h"
#include "base/time.h"
#include "protocol/handler.h"

namespace zyphos::web {

struct SiteOptions {
  std::string root;
  std::string sending = "best";  // sending.h has the names
  std::string index = "index.html";
  bool listing = true;
  bool dotfiles = false;                    // they are served, and listed
  bool precompressed = false;               // name.br, name.zst, name.gz in place of name
  std::size_t open_files_max = 0;           // kept open
  std::int64_t open_files_ns = kSecond_ns;  // and not looked at again for so long
  std::string error_pages;                  // a folder below the root: 404.html, ...
  std::string types;                        // a file as /etc/mime.types
  std::string access_log;                   // files; empty: none
  std::string error_log;
};

// Thread safety: one Site serves all threads.
class Site final : public Handler {
 public:
  // std::system_error, std::invalid_argument: one line each.
  explicit Site(const SiteOptions& options);

  std::unique_ptr<Exchange> begin(const RequestHead& head, const ExchangeContext& context) override;

  const Root& root() const { return root_; }

 private:
  // A request on its way to an exchange.
  struct Call {
    const RequestHead& head;
    const ExchangeContext& context;
    const Asked& asked;
    Target target{};
    Telling telling;
  };

  std::unique_ptr<Exchange> respond(Call& call);
  std::unique_ptr<Exchange> refuse(Call& call, TargetState state);
  std::unique_ptr<Exchange> fail(Call& call, int error);
  std::unique_ptr<Exchange> error(Call& call, std::uint16_t status, Reply reply = {});
  std::unique_ptr<Exchange> folder(Call& call, int fd);
  std::unique_ptr<Exchange> list(Call& call, int fd);
  std::unique_ptr<Exchange> redirect(Call& call);
  std::unique_ptr<Exchange> file(Call& call, FileRef file);
  std::unique_ptr<Exchange> ranges(Call& call, FileRef file, const Ranges& wanted);
  Opened open(Call& call, const char* path);
  std::string own_page(std::uint16_t status, Time now);

  SiteOptions options_;
  Way way_;
  Root root_;
  Types types_;
  OpenFiles files_;
  std::unique_ptr<Log> access_;
  std::unique_ptr<Log> errors_;
};

}  // namespace zyphos::web
