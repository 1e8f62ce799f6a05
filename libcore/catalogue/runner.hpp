// SPDX-License-Identifier: MIT
// Runs a model: builds its world, asks the operations as the setup says, injects the faults, waits for the
// end and says what came of it.
#pragma once

#include <utility>

#include "catalogue/model.hpp"
#include "catalogue/protocol.hpp"

namespace coord::catalogue {

sim::WorldConfig world_config(const Setup& setup);
Report run(RunnableModel& model, sim::WorldCore& world, const Setup& setup);

// The rest of `protocol` is the caller's: names, theory, promises. `more`: what M's
// constructor takes after the setup.
template <class M, class... More>
Protocol describe(Protocol protocol, More... more) {
  protocol.run = [name = protocol.name, more...](const Setup& setup) {
    M model(setup, more...);
    sim::World<M> world(model, world_config(setup));
    model.attach(world);
    Report report = run(model, world, setup);
    report.protocol = name;
    return report;
  };
  return protocol;
}

}  // namespace coord::catalogue
