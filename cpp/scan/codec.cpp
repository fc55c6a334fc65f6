#include "scan/codec.h"

#include <array>

#include "scan/codec_parts.h"

namespace zyphos::scan {

std::span<const Codec> codecs() {
#if defined(__x86_64__)
  static const std::array kAll{kScalarCodec, kAvx2Codec};
#else
  static const std::array kAll{kScalarCodec};
#endif
  return kAll;
}

const Codec& best_codec() {
  static const Codec& best = codecs().back().lack().empty() ? codecs().back() : codecs().front();
  return best;
}

}  // namespace zyphos::scan
