# LibTorch from PyPI's torch wheel, as the imported target darkroom::torch_cpu.
#
# find_package(Torch) is no help here: it demands a CUDA toolkit even for a CPU program. The wheel's
# include folder carries old protobuf and fmt headers, so it is searched after the system's own.
file(GLOB _site_packages ${CMAKE_SOURCE_DIR}/.venv/lib/python3.*/site-packages)
set(DARKROOM_TORCH_ROOT "${_site_packages}/torch" CACHE PATH "Folder of the torch wheel")
if(NOT EXISTS ${DARKROOM_TORCH_ROOT}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "No LibTorch in ${DARKROOM_TORCH_ROOT}: run `make build`, which installs it.")
endif()

foreach(_name c10 torch_cpu c10_cuda torch_cuda)
  add_library(darkroom::${_name} SHARED IMPORTED)
  set_target_properties(darkroom::${_name} PROPERTIES
    IMPORTED_LOCATION ${DARKROOM_TORCH_ROOT}/lib/lib${_name}.so
    IMPORTED_NO_SONAME OFF)
endforeach()

target_link_libraries(darkroom::torch_cpu INTERFACE darkroom::c10)
target_compile_options(darkroom::torch_cpu INTERFACE
  "SHELL:-idirafter ${DARKROOM_TORCH_ROOT}/include")
# The wheel's CUDA runtime libraries are found through the wheel's own run path, not the linker's.
target_link_options(darkroom::torch_cpu INTERFACE -Wl,--allow-shlib-undefined)

# What kernels are compiled with: nvcc, from PyPI like LibTorch, beside the headers of CUDA's runtime.
set(DARKROOM_CUDA_ROOT "${_site_packages}/nvidia/cu13" CACHE PATH "Folder of the CUDA wheels")
set(DARKROOM_NVCC ${DARKROOM_CUDA_ROOT}/bin/nvcc)
target_include_directories(darkroom::torch_cuda SYSTEM INTERFACE ${DARKROOM_CUDA_ROOT}/include)
target_link_libraries(darkroom::torch_cuda INTERFACE
  darkroom::c10_cuda darkroom::torch_cpu ${DARKROOM_CUDA_ROOT}/lib/libcudart.so.13)

# darkroom_install_with_libtorch(PROGRAM)
# Installs the program, and with it those libraries of the wheel that it uses, as they are. The
# system's own stay the system's.
function(darkroom_install_with_libtorch program)
  set_target_properties(${program} PROPERTIES INSTALL_RPATH $ORIGIN/../lib/darkroom)
  install(TARGETS ${program} RUNTIME_DEPENDENCY_SET ${program}_libraries
    DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(RUNTIME_DEPENDENCY_SET ${program}_libraries
    POST_EXCLUDE_REGEXES "^/(usr/)?lib"
    DESTINATION lib/darkroom)
endfunction()
