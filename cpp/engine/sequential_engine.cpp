#include "engine/sequential_engine.h"

#include <utility>

#include "engine/blocking_engine.h"

namespace zyphos {
namespace {

class SequentialEngine final : public BlockingEngine {
 public:
  SequentialEngine(const EngineOptions& engine_options, ConnectionFactory factory, Board& board)
      : BlockingEngine(engine_options, std::move(factory), board, "zy-sequential") {}
  ~SequentialEngine() override {
    drain();
    join();
  }

 private:
  Admitted admit(Arrival& arrival) override {
    serve(arrival, acceptor_counters(), random());
    ended(true);
    return Admitted::yes;
  }
  bool acceptor_serves() const override { return true; }
};

}  // namespace

std::unique_ptr<Engine> make_sequential_engine(const EngineOptions& options,
                                               ConnectionFactory factory, Board& board) {
  return std::make_unique<SequentialEngine>(options, std::move(factory), board);
}

}  // namespace zyphos
