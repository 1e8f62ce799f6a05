// SPDX-License-Identifier: MIT
// dsim draw: one run, as a drawing.
#include <memory>

#include "cli/run.hpp"
#include "drawing.hpp"
#include "run_settings.hpp"
#include "verbs.hpp"

namespace coord::dsim {

namespace {

struct DrawVerbSettings {
  RunSettings run;
  DrawSettings draw;
};

Result<cli::Exit> draw_run(DrawVerbSettings& s) {
  const auto protocol = protocol_named(s.run.protocol);
  if (!protocol) return protocol.error();
  const auto setup = s.run.finish(**protocol);
  if (!setup) return setup.error();
  catalogue::Report report;
  const catalogue::Story story = catalogue::story_of((*protocol)->name.c_str(), *setup, report);
  if (auto status = draw(s.draw, s.draw.chosen().value_or(catalogue::Drawing::space_time), story); !status)
    return status.error();
  return report.violations.empty() ? cli::Exit::done : cli::Exit::no;
}

}  // namespace

void add_draw(cli::Options& tool) {
  auto& verb = tool.verb("draw", "draw a run");
  auto s = std::make_shared<DrawVerbSettings>();
  verb.synopsis("[options] PROTOCOL");
  s->draw.declare(verb);
  s->run.declare(verb);
  verb.example("dsim draw lamport -n 3 --ops 2", "");
  verb.example("dsim draw maekawa --gantt --svg run.svg", "");
  verb.does([s] { return draw_run(*s); });
}

}  // namespace coord::dsim
