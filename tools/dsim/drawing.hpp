// SPDX-License-Identifier: MIT
// Drawings as the verbs print or save them.
#pragma once

#include <optional>
#include <string>

#include "catalogue/scenario.hpp"
#include "cli/options.hpp"

namespace coord::dsim {

struct DrawSettings {
  bool gantt = false, space_time = false, tree = false, ascii = false;
  std::string svg;        // a file, - for stdout; empty: text on stdout
  std::size_t width = 0;  // 0: the terminal's

  void declare(cli::Options& verb);
  std::optional<catalogue::Drawing> chosen() const;
};

// To stdout or into the file.
Status draw(const DrawSettings& settings, catalogue::Drawing drawing, const catalogue::Story& story);

}  // namespace coord::dsim
