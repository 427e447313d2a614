# Warnings and sanitizers for our own code; generated code links coracle_generated instead of coracle_warnings.
add_compile_options(-fno-common -fstack-protector-strong)
add_compile_definitions(_GNU_SOURCE)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_definitions(_FORTIFY_SOURCE=2)
endif()

add_library(coracle_warnings INTERFACE)
target_compile_options(coracle_warnings INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wvla
  -Wno-unused-parameter -Wno-missing-field-initializers)
if(CMAKE_C_COMPILER_ID MATCHES Clang) # long texts in tables are cut into pieces
  target_compile_options(coracle_warnings INTERFACE -Wno-string-concatenation)
endif()

if(CORACLE_SANITIZE)
  add_compile_options(-fsanitize=${CORACLE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CORACLE_SANITIZE})
endif()
if(CORACLE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
