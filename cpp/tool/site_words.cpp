#include "tool/site_words.h"

#include <algorithm>
#include <string>
#include <vector>

#include "app/web/sending.h"

namespace zyphos {

void add_site(Words& words, web::SiteOptions& site) {
  words.text("root", "http1: in place of an app, this folder's files", site.root);
  words.choice("sending", "root: best, sendfile, mmap, read", site.sending,
               {web::kWays.begin(), web::kWays.end()});
  words.text("index", "root: what stands for a folder, if it is there; empty: nothing", site.index);
  words.flag("listing", "root: folders without an index are listed", site.listing);
  words.flag("dotfiles", "root: what begins with a dot is served, too", site.dotfiles);
  words.flag("precompressed", "root: NAME.br, .zst, .gz for who takes it in place of NAME",
             site.precompressed);
  words.number("open_files_max", "root: files that are kept open; 0: none", site.open_files_max,
               std::size_t{0});
  words.number("open_files_ns", "root: how long what is kept open is not looked at again",
               site.open_files_ns, std::int64_t{0});
  words.text("error_pages", "root: the folder in it that has 404.html and the like",
             site.error_pages);
  words.text("types", "root: media types beside ours, as /etc/mime.types has them", site.types);
  words.text("access_log", "root: file for a line per request (combined format)", site.access_log);
  words.text("error_log", "root: file for what went wrong", site.error_log);
}

std::string site_lack(const web::SiteOptions& site, std::string_view engine) {
  if (site.sending != "sendfile" || engine != "uring") return {};
  return "sending=sendfile: engine uring sends no file by itself: io_uring has no sendfile, and "
         "its "
         "splice is done by a kernel thread for each; best, mmap and read work";
}

std::string url_of(const Address& address) {
  Address shown = address;
  const bool anywhere =
      std::ranges::all_of(shown.host, [](std::uint8_t byte) { return byte == 0; });
  if (anywhere) shown = Address::loopback(address.port);
  return "http://" + shown.text() + "/";
}

}  // namespace zyphos
