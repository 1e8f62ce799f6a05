// SPDX-License-Identifier: MIT
// The registry and the catalogue say the same of an algorithm, and its messages between peers are as many as
// the catalogue's theory says.
#include "catalogue/protocol.hpp"
#include "classical_desk.hpp"

using namespace classical_desk;

namespace {

// Whether this is about one wish with nobody else there, as a run of the desk is.
bool is_about(const catalogue::Theory& theory, const Run& run) {
  using Measure = catalogue::Theory::Measure;
  if (theory.measure != Measure::messages && theory.measure != Measure::all_messages) return false;
  if (theory.formula.find("if the highest does") != std::string::npos) return false;  // the lowest asks here
  if (!theory.types.empty()) return theory.types == run.types;
  return theory.load != catalogue::Load::together;
}

}  // namespace

TEST_CASE("between peers an algorithm sends as many messages as the catalogue's theory says") {
  std::size_t compared = 0;
  for (const Run& run : runs()) {
    INFO(run.name);
    const catalogue::Protocol* protocol = catalogue::find(run.name);
    REQUIRE(protocol != nullptr);
    CHECK(protocol->family == find(run.name)->identity.family);
    Desk desk(run.name, run.nodes, run.options);
    run.wish(desk);
    const auto counted = static_cast<double>(desk.counted(run.types));
    for (const catalogue::Theory& theory : protocol->theory) {
      if (!is_about(theory, run)) continue;
      INFO(theory.formula);
      const catalogue::Range range = theory.value(run.nodes);
      CHECK(counted >= range.low);
      CHECK(counted <= range.high);
      ++compared;
    }
  }
  CHECK(compared >= 20);
}
