#include "metrics/board.h"

#include "metrics/board_layout.h"

namespace zyphos {

template class BasicBoard<Counters>;

}  // namespace zyphos
