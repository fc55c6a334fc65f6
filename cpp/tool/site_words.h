// The web server's options as words.
#pragma once

#include "app/web/site.h"
#include "tool/words.h"

namespace zyphos {

void add_site(Words& words, web::SiteOptions& site);

// Why an engine cannot send as was asked; empty: it can. std::invalid_argument for what no engine
// can, or what is not there.
std::string site_lack(const web::SiteOptions& site, std::string_view engine);

// Where to find it with a browser: "http://127.0.0.1:8080/".
std::string url_of(const Address& address);

}  // namespace zyphos
