(* The premises can be met: for every claim with premises an instance that meets them all. Such an instance is a theorem of the library applied
   to numbers, with every premise proved: it only has a type if they hold together. Most use two datasets that overlap, p_0 = (2/3, 1/3) and
   p_1 = (1/3, 2/3); the flows are solutions in closed form, by a function g with g s + e^(g s) = s. *)
From Coq Require Import Reals Lra Lia Arith List FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv.
From Compresslab Require Line Mixture Rate Elasticity AnyNumber ThreeDatasets Exchange TurningPoint Lorenz AnyMean Code Kraft Blocks McMillan CodeLength.
From Compresslab Require Quantization Trees Logit LogitTree LogitFlow LogitLimit ExchangeRate LinearRange Depth Effective Parametric ParametricSoftmax EarlyStopping.
Open Scope R_scope.

Ltac below_two := intros [|[|?]] ?; try lia.
Definition one (_ : nat) := 1.
Definition two (i j : nat) := if Nat.eqb i j then 2/3 else 1/3.
Lemma two_nonneg n m : forall i j, (i < n)%nat -> (j < m)%nat -> 0 <= two i j.
Proof. intros i j _ _. unfold two. destruct (Nat.eqb i j); lra. Qed.
Lemma two_pos i j : 0 < two i j.
Proof. unfold two. destruct (Nat.eqb i j); lra. Qed.
Lemma two_unit : forall i, (i < 2)%nat -> Sum 2 (two i) = 1.
Proof. below_two; unfold two; cbn; field. Qed.
Lemma unit_0 : Sum 2 (two 0) = 1. Proof. apply two_unit. lia. Qed.
Lemma unit_1 : Sum 2 (two 1) = 1. Proof. apply two_unit. lia. Qed.
Lemma pos_0 : forall j, (j < 2)%nat -> 0 < two 0 j. Proof. intros; apply two_pos. Qed.
Lemma nonneg_1 : forall j, (j < 2)%nat -> 0 <= two 1 j. Proof. intros; left; apply two_pos. Qed.
Lemma nonneg_0 : forall j, (j < 2)%nat -> 0 <= two 0 j. Proof. intros; left; apply two_pos. Qed.

(* --- joint compression --- *)
Lemma two_joint : forall j, (j < 2)%nat -> 0 < Mixture.joint 2 one two j.
Proof. intros j _. unfold Mixture.joint, one. cbn. pose proof (two_pos 0 j). pose proof (two_pos 1 j). lra. Qed.
Lemma two_total : 0 < Mixture.W 2 one. Proof. unfold Mixture.W, one. cbn. lra. Qed.
Lemma below_2 : (1 < 2)%nat. Proof. lia. Qed.
Lemma first_2 : (0 < 2)%nat. Proof. lia. Qed.
Definition volume_derivative_model := Mixture.volume_derivative 2 2 one two two_unit two_joint two_total 0 1 first_2 below_2.
Definition conservation_law_model := Mixture.conservation_law 2 2 one two two_unit two_joint two_total 1 below_2.
Definition own_rate_falls_model := Mixture.own_rate_falls 2 2 one two two_unit two_joint two_total 1 below_2.
Definition overlap_sign_model := Mixture.overlap_sign 2 2 one two two_unit two_joint two_total 0 1 first_2 below_2.
Definition second_derivative_model := Mixture.second_derivative 2 2 one two two_unit two_joint two_total 0 1 first_2 below_2.
Definition rebound_slows_model := Mixture.rebound_slows 2 2 one two (two_nonneg 2 2) two_unit two_joint two_total 0 1 first_2 below_2.
Definition hooke_forward_model := Mixture.hooke_forward 2 2 one two (two_nonneg 2 2) two_unit two_joint two_total 1 below_2.
Definition hooke_reverse_derivative_model := Mixture.hooke_reverse_derivative 2 2 one two two_unit two_joint two_total 0 1 first_2 below_2 pos_0.
Lemma zero_one : 0 <= 1. Proof. lra. Qed.
Lemma pos_1 : 0 < 1. Proof. lra. Qed.
Lemma line_leaves : Line.leaves 2 (two 0) (two 1) 1 0.
Proof. split; [|lra]. intros j _. unfold Line.Q. pose proof (two_pos 0 j). lra. Qed.
Definition sign_turns_once_model := Line.sign_turns_once 2 (two 0) (two 1) 1 nonneg_1 (two 0) 0 1 zero_one line_leaves unit_0 nonneg_0.
Definition mix2 (j : nat) := 1/2.
Lemma mix2_pos : forall j, (j < 2)%nat -> 0 < mix2 j. Proof. intros; unfold mix2; lra. Qed.
Lemma half_pos : 0 < 1/2. Proof. lra. Qed.
Lemma mix2_contains : forall j, (j < 2)%nat -> 1/2 * two 0 j <= mix2 j.
Proof. below_two; unfold two, mix2; cbn; lra. Qed.
Lemma mix2_unit : Sum 2 mix2 = 1. Proof. unfold mix2. cbn. field. Qed.
Lemma mix2_one : forall j, (j < 2)%nat -> mix2 j <= 1. Proof. intros; unfold mix2; lra. Qed.
Definition rate_identity_model := Rate.rate_identity 2 (two 0) mix2 nonneg_0 unit_0 mix2_pos.
Definition rate_bounds_model := Rate.rate_bounds 2 (two 0) mix2 (1/2) nonneg_0 unit_0 mix2_pos half_pos mix2_contains mix2_one.
Definition normalization_units_model := Rate.normalization_units 1 1 1 1 pos_1 pos_1 pos_1.

(* --- the elasticity theorem: k = 1, D_p like p_0, D_a like p_1, D_t uniform --- *)
Lemma three_leaves : forall j, (j < 2)%nat -> 0 < 1 * two 0 j + two 1 j + 1 * mix2 j.
Proof. intros j _. pose proof (two_pos 0 j). pose proof (two_pos 1 j). unfold mix2. lra. Qed.
Lemma start_leaves : forall j, (j < 2)%nat -> 0 < 1 * two 0 j + two 1 j.
Proof. intros j _. pose proof (two_pos 0 j). pose proof (two_pos 1 j). lra. Qed.
Lemma mix2_nonneg : forall j, (j < 2)%nat -> 0 <= mix2 j. Proof. intros; unfold mix2; lra. Qed.
Lemma mix2_below : forall j, (j < 2)%nat -> mix2 j <= 1 * (1 * two 0 j + two 1 j).
Proof. below_two; unfold mix2, two; cbn; lra. Qed.
Definition elasticity_ratio_model := Elasticity.elasticity_ratio 2 1 (two 0) (two 1) mix2 pos_1 unit_0 unit_1 mix2_unit 1 zero_one three_leaves.
Definition elasticity_ratio_limit_model := Elasticity.elasticity_ratio_limit 2 1 (two 0)
  (two 1) mix2 pos_1 unit_0 unit_1 mix2_unit 1 zero_one start_leaves mix2_nonneg mix2_below.
Definition elasticity_signs_model := Elasticity.elasticity_signs 2 1 (two 0) (two 1) mix2 pos_1 unit_0 unit_1 1 zero_one three_leaves.
Lemma same_leaves : forall j, (j < 2)%nat -> 0 < 1 * two 0 j + two 1 j + 1 * two 1 j.
Proof. intros j _. pose proof (two_pos 0 j). pose proof (two_pos 1 j). lra. Qed.
Definition elasticity_same_data_reversed_model := Elasticity.elasticity_same_data_reversed 2 1 (two 0)
  (two 1) 1 pos_1 zero_one unit_0 unit_1 same_leaves.
Definition leaf (i j : nat) := if Nat.eqb i j then 1 else 0.                       (* dataset i has one leaf of its own *)
Lemma leaf_unit n i : (i < n)%nat -> Sum n (leaf i) = 1.
Proof. intros H. rewrite <- (Sum_delta n i (fun _ => 1) H). apply Sum_ext; intros. unfold leaf. rewrite Nat.eqb_sym. reflexivity. Qed.
Lemma leaf_nonneg n m : forall i j, (i < n)%nat -> (j < m)%nat -> 0 <= leaf i j.
Proof. intros i j _ _. unfold leaf. destruct (Nat.eqb i j); lra. Qed.
Lemma leaf_apart n m b : forall s j, (s < n)%nat -> (j < m)%nat -> s <> b -> leaf s j * leaf b j = 0.
Proof. intros s j _ _ D. unfold leaf. destruct (Nat.eqb_spec s j), (Nat.eqb_spec b j); subst; try contradiction; ring. Qed.
Lemma leaf_all : forall j, (j < 3)%nat -> 0 < 1 * leaf 0 j + leaf 1 j + 1 * leaf 2 j.
Proof. intros [|[|[|j]]] H; try lia; unfold leaf; cbn; lra. Qed.
Lemma leaf_3 : forall i, (i < 3)%nat -> Sum 3 (leaf i) = 1. Proof. intros; apply leaf_unit; auto. Qed.
Definition leaves_fail := Elasticity.elasticity_separate_disjoint_fails 3 1 (leaf 0) (leaf 1) (leaf 2) pos_1
  (leaf_3 0 ltac:(lia)) (leaf_3 1 ltac:(lia)) 1 zero_one leaf_all.
Definition elasticity_separate_disjoint_fails_model := conj
  (proj1 leaves_fail (fun j H => leaf_apart 3 3 2 0 j ltac:(lia) H ltac:(lia)))
  (proj2 leaves_fail (fun j H => leaf_apart 3 3 2 1 j ltac:(lia) H ltac:(lia))).
Definition elasticity_fixed_roles_model := Elasticity.elasticity_fixed_roles 2 1 (two 0)
  (two 1) mix2 pos_1 unit_0 unit_1 mix2_unit pos_0 nonneg_1 mix2_nonneg 1 zero_one.
Definition elasticity_fixed_roles_threshold_model := Elasticity.elasticity_fixed_roles_threshold 2 (two 0)
  (two 1) mix2 unit_1 mix2_unit pos_0 nonneg_1 mix2_nonneg.
(* any number: the two that overlap, and two that do not; three: the same with a third, uniform one *)
Lemma two_covered : forall j, (j < 2)%nat -> 0 < AnyNumber.m 2 two j.
Proof. intros j _. unfold AnyNumber.m. cbn. pose proof (two_pos 0 j). pose proof (two_pos 1 j). lra. Qed.
Definition elasticity_any_number_model := AnyNumber.elasticity_any_number 2 2 two 1 1 first_2 (two_nonneg 2 2) two_unit two_covered pos_1 zero_one.
Definition elasticity_any_number_equality_model := AnyNumber.elasticity_any_number_equality 2 2 two 1 1 first_2
  (two_nonneg 2 2) two_unit two_covered pos_1 zero_one.
Definition elasticity_rebound_slows_model := AnyNumber.elasticity_rebound_slows 2 2 two 1 1 first_2
  (two_nonneg 2 2) two_unit two_covered pos_1 zero_one.
Lemma leaf_covered : forall j, (j < 3)%nat -> 0 < AnyNumber.m 3 leaf j.
Proof. intros [|[|[|j]]] H; try lia; unfold AnyNumber.m, leaf; cbn; lra. Qed.
Definition elasticity_disjoint_any_number_model := AnyNumber.elasticity_disjoint_any_number 3 3 leaf 1 1 ltac:(lia)
  (leaf_nonneg 3 3) leaf_3 leaf_covered pos_1 zero_one
  0 1 (leaf_apart 3 3 1) ltac:(lia) ltac:(lia) ltac:(lia).
Definition three (i j : nat) := match i with 0%nat => two 0 j | 1%nat => two 1 j | _ => mix2 j end.
Lemma three_nonneg : forall s j, (s < 3)%nat -> (j < 2)%nat -> 0 <= three s j.
Proof. intros [|[|s]] j _ _; unfold three; try (left; apply two_pos). unfold mix2. lra. Qed.
Lemma three_unit : forall s, (s < 3)%nat -> Sum 2 (three s) = 1.
Proof. intros [|[|s]] _; [exact unit_0|exact unit_1|exact mix2_unit]. Qed.
Lemma three_mass : forall j, (j < 2)%nat -> 0 < three 0 j + three 1 j + three 2 j.
Proof. intros j H. pose proof (three_leaves j H). unfold three. lra. Qed.
Definition elasticity_finite_size_model := ThreeDatasets.elasticity_finite_size 2 three 1 1 three_nonneg three_unit three_mass pos_1 zero_one.
Definition elasticity_finite_size_sharp_model := ThreeDatasets.elasticity_finite_size_sharp 1 1 pos_1 zero_one.
Definition elasticity_paper_model := ThreeDatasets.elasticity_paper 2 three 1 1 three_nonneg three_unit three_mass pos_1 zero_one.
Lemma leaf_mass : forall j, (j < 3)%nat -> 0 < leaf 0 j + leaf 1 j + leaf 2 j.
Proof. intros j H. pose proof (leaf_all j H). lra. Qed.
Definition elasticity_disjoint_model := ThreeDatasets.elasticity_disjoint 3 leaf 1 1
  (leaf_nonneg 3 3) leaf_3 leaf_mass pos_1 zero_one 0 1 ltac:(lia) ltac:(lia) ltac:(lia) (leaf_apart 3 3 1).
(* exchangeable: both orders of the two datasets, each with probability 1/2 *)
Definition coin (_ : nat) := 1/2.
Definition both (w s : nat) := two (if Nat.eqb w 0 then s else Exchange.swap 0 1 s).
Lemma coin_nonneg : forall w, (w < 2)%nat -> 0 <= coin w. Proof. intros; unfold coin; lra. Qed.
Lemma both_unit : forall w s, (w < 2)%nat -> (s < 2)%nat -> Sum 2 (both w s) = 1.
Proof. intros [|[|w]] [|[|s]] Hw Hs; try lia; unfold both, Exchange.swap, two; cbn; field. Qed.
Lemma both_nonneg : forall w s j, (w < 2)%nat -> (s < 2)%nat -> (j < 2)%nat -> 0 <= both w s j. Proof. intros. unfold both. left. apply two_pos. Qed.
Lemma both_covered : forall w j, (w < 2)%nat -> (j < 2)%nat -> 0 < AnyNumber.m 2 (both w) j.
Proof. intros w j _ _. unfold AnyNumber.m, both. cbn. match goal with |- context [two ?a j] => pose proof (two_pos a j) end.
  match goal with |- context [0 + two ?a j + two ?b j] => pose proof (two_pos a j); pose proof (two_pos b j) end. lra. Qed.
Lemma both_exchangeable : forall (F : (nat -> nat -> R) -> R) pi, Exchange.permutes 2 pi ->
  (forall p p', (forall s j, (s < 2)%nat -> (j < 2)%nat -> p s j = p' s j) -> F p = F p') ->
  Exchange.E 2 coin (fun w => F (fun s => both w (pi s))) = Exchange.E 2 coin (fun w => F (both w)).
Proof.
  intros F pi [B I] X. unfold Exchange.E, coin. cbn [Sum]. pose proof (B 0%nat ltac:(lia)). pose proof (B 1%nat ltac:(lia)).
  assert (pi 0%nat <> pi 1%nat) by (intros C; apply I in C; lia).
  assert (pi 0%nat = 0%nat /\ pi 1%nat = 1%nat \/ pi 0%nat = 1%nat /\ pi 1%nat = 0%nat) as [[P0 P1]|[P0 P1]] by lia.
  - rewrite (X (fun s => both 0 (pi s)) (both 0)), (X (fun s => both 1 (pi s)) (both 1)); auto; intros [|[|s]] j Hs _; try lia; rewrite ?P0, ?P1;
      auto.
  - rewrite (X (fun s => both 0 (pi s)) (both 1)), (X (fun s => both 1 (pi s)) (both 0)); [lra| |]; intros [|[|s]] j Hs _; try lia; rewrite ?P0, ?P1;
      auto.
Qed.
Definition elasticity_exchangeable_model := Exchange.elasticity_exchangeable 2 coin coin_nonneg 2 2 both 1 1 below_2 both_nonneg both_unit both_covered pos_1 zero_one both_exchangeable.
(* unrelated: the two in both orders, and independently a perturbation that is one leaf or the other: four outcomes of probability 1/4 *)
Definition quarter (_ : nat) := 1/4.
Definition Xw (w : nat) := two (match w with 0%nat | 1%nat => 0 | _ => 1 end)%nat.
Definition Yw (w : nat) := two (match w with 0%nat | 1%nat => 1 | _ => 0 end)%nat.
Definition Zw (w : nat) := leaf (match w with 0%nat | 2%nat => 0 | _ => 1 end)%nat.
Lemma Zw_mean : forall j, (j < 2)%nat -> Exchange.E 4 quarter (fun w => Zw w j) = / INR 2.
Proof. below_two; unfold Exchange.E, quarter, Zw, leaf; cbn; field. Qed.
Lemma Xw_unit : forall w, (w < 4)%nat -> Sum 2 (Xw w) = 1. Proof. intros [|[|w]] _; [exact unit_0|exact unit_0|exact unit_1]. Qed.
Lemma Yw_unit : forall w, (w < 4)%nat -> Sum 2 (Yw w) = 1. Proof. intros [|[|w]] _; [exact unit_1|exact unit_1|exact unit_0]. Qed.
Lemma Xw_independent : forall (F : R -> R -> R) j, (j < 2)%nat ->
  Exchange.E 4 quarter (fun w => F (Xw w j) (Yw w j) * Zw w j) = Exchange.E 4 quarter (fun w => F (Xw w j) (Yw w j)) * Exchange.E 4 quarter
    (fun w => Zw w j).
Proof. intros F j Hj. rewrite Zw_mean by auto. revert j Hj. below_two; unfold Exchange.E, quarter, Zw, leaf, Xw, Yw; cbn; field. Qed.
Lemma Xw_exchangeable : forall (F : R -> R -> R) j, (j < 2)%nat ->
  Exchange.E 4 quarter (fun w => F (Xw w j) (Yw w j)) = Exchange.E 4 quarter (fun w => F (Yw w j) (Xw w j)).
Proof. intros F j _. unfold Exchange.E, quarter, Xw, Yw. cbn [Sum]. ring. Qed.
Lemma quarter_unit : Sum 4 quarter = 1. Proof. unfold quarter. cbn. field. Qed.
Lemma above_1 : 1 < 2. Proof. lra. Qed.
Definition elasticity_separate_iid_reversed_model := Exchange.elasticity_separate_iid_reversed 4 quarter (fun w _ => Rlt_le 0
  (1/4) ltac:(lra)) 2 Xw Yw Zw 2
  above_1 first_2 quarter_unit (fun w j _ _ => two_pos _ j) (fun w j _ _ => two_pos _ j) Xw_exchangeable Xw_independent Zw_mean Xw_unit Yw_unit.
Definition turning_point_from_above_model := TurningPoint.turning_point_from_above 1 1 pos_1.
(* its bounds: p_t = (1/4, 3/4), p_p = (2/3, 1/3), p_a = (1/3, 2/3), k = 1, K = 2 and l = 10, at which both sides of the first are met *)
Definition add (j : nat) := match j with 0%nat => 1/4 | _ => 3/4 end.
Lemma add_pos : forall j, (j < 2)%nat -> 0 < add j. Proof. intros [|j] _; unfold add; lra. Qed.
Lemma add_unit : Sum 2 add = 1. Proof. unfold add. cbn. field. Qed.
Lemma pos_10 : 0 < 10. Proof. lra. Qed.
Lemma turning_point_from_above_bound_model : 0 <= Derive (Elasticity.gamma 2 1 (two 0) (two 1) add (two 0)) 10.
Proof.
  destruct (TurningPoint.turning_point_from_above_bound 2 1 (two 0) (two 1) add 10 pos_1 pos_10 unit_0 unit_1 add_unit pos_0 nonneg_1
    (fun j H => Rlt_le _ _ (add_pos j H))) as [B _].
  apply B; [exact add_pos|unfold two, add; cbn; lra|unfold two, add, Rsqr; cbn; lra].
Qed.

(* --- masses: two atoms, in Lorenz order; Pareto laws --- *)
Definition flat (_ : nat) := 1.
Definition uneven (j : nat) := match j with 0%nat => 1/2 | _ => 3/2 end.
Lemma uneven_pos : forall j, (j < 2)%nat -> 0 < uneven j. Proof. intros [|j] _; unfold uneven; lra. Qed.
Lemma flat_pos : forall j, (j < 2)%nat -> 0 < flat j. Proof. intros; unfold flat; lra. Qed.
Lemma coin_unit : Sum 2 coin = 1. Proof. unfold coin. cbn. field. Qed.
Definition pareto_overlap_below_one_model := Lorenz.pareto_overlap_below_one 2 coin coin_nonneg uneven uneven_pos coin_unit.
(* three fair coins that show 1 or 2 *)
Definition three_coins (g : R -> R -> R -> R) := (g 1 1 1 + g 1 1 2 + g 1 2 1 + g 1 2 2 + g 2 1 1 + g 2 1 2 + g 2 2 1 + g 2 2 2) / 8.
Lemma pareto_overlap_below_one_any_mean_model : 3 * three_coins (fun x y z => y * z / (x + y + z)) / three_coins (fun x _ _ => x) < 1.
Proof.
  apply (AnyMean.pareto_overlap_below_one_any_mean three_coins).
  - intros a b g h _ _. unfold three_coins. field.
  - intros g _ G. unfold three_coins. assert (0 < 1) by lra. assert (0 < 2) by lra.
    pose proof (G 1 1 1). pose proof (G 1 1 2). pose proof (G 1 2 1). pose proof (G 1 2 2). pose proof (G 2 1 1). pose proof (G 2 1 2).
    pose proof (G 2 2 1). pose proof (G 2 2 2). lra.
  - intros g _. unfold three_coins. field.
  - intros g _ G D. unfold three_coins. assert (0 < 1) by lra. assert (0 < 2) by lra. assert (1 <> 2) by lra.
    pose proof (G 1 1 1). pose proof (G 1 1 2). pose proof (D 1 2 1). pose proof (G 1 2 2). pose proof (G 2 1 1). pose proof (G 2 1 2).
    pose proof (G 2 2 1). pose proof (G 2 2 2). lra.
Qed.
Lemma lorenz_order : forall k, (k <= 2)%nat -> (Σ i < k, coin i * uneven i) / (Σ i < 2, coin i * uneven i) <= (Σ i < k, coin i * flat i) /
  (Σ i < 2, coin i * flat i).
Proof. intros [|[|[|k]]] H; try lia; unfold coin, uneven, flat; cbn; lra. Qed.
Definition pareto_overlap_monotone_lorenz_model := Lorenz.pareto_overlap_monotone_lorenz 2 coin coin_nonneg flat uneven flat_pos uneven_pos coin_unit
  (fun i _ => Rle_refl 1) lorenz_order.
Definition pareto_overlap_monotone_model := Lorenz.pareto_overlap_monotone 2 (3/2) 2 first_2 ltac:(lra).

(* --- codes: best ones exist, for every law; then for every length of blocks. Trees. --- *)
Definition ceiling_of x : { z | IZR z - 1 < x <= IZR z }.
Proof. exists (1 - up (- x))%Z. rewrite minus_IZR. destruct (archimed (- x)). lra. Defined.
Lemma code_length_bounds_model : exists c, CodeLength.best 2 (two 0) c /\
  Code.entropy 2 (two 0) <= CodeLength.cost 2 (two 0) c < Code.entropy 2 (two 0) + 1.
Proof.
  destruct (CodeLength.code_length_bounds_best_exists 2 (two 0) pos_0 unit_0) as [c B]. exists c. split; auto.
  destruct (ceiling_of (Code.entropy 2 (two 0))) as [z Hz].
  destruct (CodeLength.code_length_bounds 2 (two 0) pos_0 unit_0 c 1 z B ltac:(lia) Hz) as [X _]. simpl in X. lra.
Qed.
Definition half_code (m i : nat) : list bool := map (fun x => Nat.eqb x 1) (Blocks.digits 2 m i).
Lemma half_length m i : length (half_code m i) = m.
Proof. unfold half_code. rewrite map_length. revert i. induction m; intros; simpl; auto. Qed.
Lemma half_block m i : Blocks.block 2 coin m i = Code.size m.
Proof.
  revert i. unfold Code.size. induction m as [|m IH]; intros i; simpl; [field|]. rewrite IH. unfold coin. assert (0 < 2 ^ m) by (apply pow_lt; lra).
  field. lra.
Qed.
Lemma half_prefix m : Kraft.prefix_code (2 ^ m) (half_code m).
Proof.
  intros i j Hi Hj D s E. apply D. apply (Blocks.digits_injective 2 m i j Hi Hj).
  assert (L : s = nil). { apply (f_equal (@length bool)) in E. rewrite app_length, !half_length in E. destruct s; auto. simpl in E. lia. }
  rewrite L, app_nil_r in E. unfold half_code in E.
  assert (G : forall a b, (forall x, In x a -> (x < 2)%nat) -> (forall x, In x b -> (x < 2)%nat) ->
    map (fun x => Nat.eqb x 1) b = map (fun x => Nat.eqb x 1) a -> a = b).
  { induction a as [|x a IH]; intros [|y b] Ha Hb M; try discriminate; auto. injection M as M1 M2.
    assert (x < 2)%nat by (apply Ha; left; auto). assert (y < 2)%nat by (apply Hb; left; auto).
    assert (x = y) as -> by (destruct (Nat.eqb_spec x 1), (Nat.eqb_spec y 1); try discriminate; lia).
    f_equal. apply IH; auto; intros; [apply Ha|apply Hb]; right; auto. }
  apply G; auto; intros x; apply Blocks.digits_below; lia.
Qed.
Lemma coin_pos : forall j, (j < 2)%nat -> 0 < coin j. Proof. intros; unfold coin; lra. Qed.
Lemma coin_entropy : Code.entropy 2 coin = 1.
Proof. pose proof Code.ln2. unfold Code.entropy, Code.log2, coin. cbn [Sum]. replace (1/2) with (/ 2) by field. rewrite ln_Rinv by lra. field.
lra. Qed.
Lemma half_best m : CodeLength.best (2 ^ m) (Blocks.block 2 coin m) (half_code m).
Proof.
  split; [apply half_prefix|]. intros c' F. eapply Rle_trans; [|apply (CodeLength.prefix_cost _ (Blocks.block 2 coin m)); auto;
    [intros; apply Blocks.block_pos; auto using coin_pos, coin_unit|apply (Blocks.block_unit 2 coin coin_pos coin_unit)]].
  rewrite (Blocks.block_entropy 2 coin coin_pos coin_unit), coin_entropy, Rmult_1_r. right. unfold CodeLength.cost.
  rewrite (Sum_ext _ _ (fun i => INR m * Blocks.block 2 coin m i)) by (intros; rewrite half_length; ring).
  rewrite Sum_scal. change (Sum (2 ^ m) (fun i => Blocks.block 2 coin m i)) with (Sum (2 ^ m) (Blocks.block 2 coin m)).
  rewrite (Blocks.block_unit 2 coin coin_pos coin_unit). ring.
Qed.
Definition code_length_block_limit_model := CodeLength.code_length_block_limit 2 coin half_code coin_pos coin_unit half_best.
Lemma rounded_2 : forall j, (j < 2)%nat -> 0 <= 1 /\ 1 <= 3 * coin j < 1 + 1. Proof. intros; unfold coin; lra. Qed.
Definition quantization_overhead_model := Quantization.quantization_overhead 2 coin 3 (fun _ => 1) 0 coin_unit ltac:(lra) first_2 rounded_2.
Definition prune_mix_commute_model := Trees.prune_mix_commute bool Bool.bool_dec 2 (fun i => cons (true :: false :: nil)%list (cons
  (Nat.eqb i 0 :: nil)%list nil)) 2 1.

(* --- flows in closed form: g s + e^(g s) = s --- *)
Lemma F_continuous : Ranalysis1.continuity (fun w => w + exp w).
Proof. intros w. apply derivable_continuous_pt. exists (1 + exp w). apply is_derive_Reals. apply derive_plus; [apply derive_id|apply derive_exp]. Qed.
Lemma F_rises x y : x <= y -> y - x <= (y + exp y) - (x + exp x).
Proof. intros [H| ->]; [|lra]. pose proof (exp_increasing x y H). lra. Qed.
Lemma F_onto s : { w | w + exp w = s }.
Proof.
  assert (E : 0 < exp s) by apply exp_pos.
  assert (A : s - exp s + exp (s - exp s) <= s) by (assert (exp (s - exp s) < exp s) by (apply exp_increasing; lra); lra).
  destruct (IVT_gen (fun w => w + exp w) (s - exp s) s s F_continuous) as [w [_ H]]; [|exists w; exact H].
  rewrite Rmin_left, Rmax_right; lra.
Qed.
Definition g s := proj1_sig (F_onto s).
Lemma g_spec s : g s + exp (g s) = s. Proof. exact (proj2_sig (F_onto s)). Qed.
Lemma g_near s t : Rabs (g s - g t) <= Rabs (s - t).
Proof.
  pose proof (g_spec s) as S. pose proof (g_spec t) as T. destruct (Rle_or_lt (g s) (g t)) as [H|H].
  - pose proof (F_rises _ _ H). rewrite !Rabs_left1 by lra. lra.
  - pose proof (F_rises _ _ (Rlt_le _ _ H)). rewrite !Rabs_right by lra. lra.
Qed.
Lemma derive_g s : is_derive g s (/ (1 + exp (g s))).
Proof.
  set (D := 1 + exp (g s)). assert (HD : 1 < D) by (unfold D; pose proof (exp_pos (g s)); lra).
  assert (DF : derivable_pt_lim (fun w => w + exp w) (g s) D) by (apply is_derive_Reals, derive_plus; [apply derive_id|apply derive_exp]).
  apply is_derive_Reals. intros eps He. destruct (DF (eps * D)) as [del Hd]; [apply Rmult_lt_0_compat; lra|]. exists del. intros h H0 Hh.
  set (u := g (s + h) - g s). assert (U : g (s + h) = g s + u) by (unfold u; ring).
  assert (S : g s + u + exp (g s + u) - (g s + exp (g s)) = h) by (rewrite <- U; pose proof (g_spec (s + h)); pose proof (g_spec s); lra).
  assert (L : Rabs u <= Rabs h) by (unfold u; pose proof (g_near (s + h) s); replace (s + h - s) with h in * by ring; auto).
  assert (N : u <> 0) by (intros Z; rewrite Z, Rplus_0_r in S; lra).
  specialize (Hd u N ltac:(lra)). rewrite S in Hd.
  replace (u / h - / D) with (- ((h / u - D) * (u / h * / D))) by (field; repeat split; lra). rewrite Rabs_Ropp, Rabs_mult.
  assert (Q : Rabs (u / h * / D) <= / D).
  { rewrite Rabs_mult, (Rabs_right (/ D)) by (left; apply Rinv_0_lt_compat; lra). rewrite <- (Rmult_1_l (/ D)) at 2.
    apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat; lra|]. unfold Rdiv. rewrite Rabs_mult, Rabs_inv.
    assert (0 < Rabs h) by (apply Rabs_pos_lt, H0). apply (Rmult_le_reg_r (Rabs h)); auto. rewrite Rmult_assoc, Rinv_l by lra. lra. }
  apply Rle_lt_trans with (Rabs (h / u - D) * / D); [apply Rmult_le_compat_l; [apply Rabs_pos|exact Q]|].
  apply (Rmult_lt_reg_r D); [lra|]. rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.
(* two tokens, token 0 is trained (up) or token 1 (down), from log-odds w *)
Definition up_flow w s (j : nat) := match j with 0%nat => g (2 * s + (w + exp w)) / 2 | _ => - (g (2 * s + (w + exp w)) / 2) end.
Lemma g_start w : g (2 * 0 + (w + exp w)) = w.
Proof.
  assert (E : g (2 * 0 + (w + exp w)) + exp (g (2 * 0 + (w + exp w))) = w + exp w) by (rewrite g_spec; ring). set (x := g _) in *.
  destruct (Rtotal_order x w) as [H|[H|H]]; auto; pose proof (exp_increasing _ _ H); lra.
Qed.
Lemma token_0 a : exp (a / 2) / (0 + exp (a / 2) + exp (- (a / 2))) = 1 - / (1 + exp a).
Proof.
  assert (X : exp a = exp (a / 2) * exp (a / 2)) by (rewrite <- exp_plus; f_equal; field). rewrite X, exp_Ropp. pose proof (exp_pos (a / 2)).
  assert (0 < exp (a / 2) * exp (a / 2)) by pos. field. repeat split; lra.
Qed.
Lemma token_1 a : exp (- (a / 2)) / (0 + exp (a / 2) + exp (- (a / 2))) = / (1 + exp a).
Proof.
  assert (X : exp a = exp (a / 2) * exp (a / 2)) by (rewrite <- exp_plus; f_equal; field). rewrite X, exp_Ropp. pose proof (exp_pos (a / 2)).
  assert (0 < exp (a / 2) * exp (a / 2)) by pos. field. repeat split; lra.
Qed.
Lemma up_flows w s j : (j < 2)%nat -> is_derive (fun s => up_flow w s j) s (leaf 0 j - Logit.softmax 2 (up_flow w s) j).
Proof.
  intros Hj. set (a := g (2 * s + (w + exp w))).
  assert (Dg : is_derive (fun s => g (2 * s + (w + exp w)) / 2) s (/ (1 + exp a))).
  { apply (is_derive_ext (fun s => / 2 * g (2 * s + (w + exp w)))); [intros u; apply Rmult_comm|].
    eapply derive_value; [apply derive_scal, (derive_comp g (fun s => 2 * s + (w + exp w))); [apply derive_g|]|].
    - instantiate (1 := 2). auto_derive; auto. ring.
    - fold a. field. pose proof (exp_pos a). lra. }
  assert (Z : Logit.Z 2 (up_flow w s) = 0 + exp (a / 2) + exp (- (a / 2))) by reflexivity.
  destruct j as [|[|j]]; [| |lia]; unfold Logit.softmax, leaf; rewrite Z; cbn [up_flow Nat.eqb]; fold a.
  - rewrite token_0. replace (1 - (1 - / (1 + exp a))) with (/ (1 + exp a)) by ring. exact Dg.
  - rewrite token_1, Rminus_0_l. apply derive_opp, Dg.
Qed.
Lemma up_starts : forall j, (j < 2)%nat -> up_flow 0 0 j = 0.
Proof. below_two; unfold up_flow; rewrite g_start; field. Qed.
Lemma even_start : forall j, (j < 2)%nat -> Logit.softmax 2 (up_flow 0 0) j = 1/2.
Proof. intros j Hj. unfold Logit.softmax, Logit.Z. cbn [Sum]. rewrite !up_starts, exp_0 by (auto; lia). field. Qed.
Definition down_flow w s (j : nat) := up_flow w s (1 - j).
Lemma down_flows w s j : (j < 2)%nat -> is_derive (fun s => down_flow w s j) s (leaf 1 j - Logit.softmax 2 (down_flow w s) j).
Proof.
  intros Hj. replace (leaf 1 j - Logit.softmax 2 (down_flow w s) j) with (leaf 0 (1 - j) - Logit.softmax 2 (up_flow w s) (1 - j)).
  - apply (up_flows w s (1 - j)). lia.
  - f_equal; [revert j Hj; below_two; reflexivity|]. unfold Logit.softmax, Logit.Z, down_flow. cbn [Sum]. simpl (1 - 0)%nat. simpl (1 - 1)%nat.
    f_equal. ring.
Qed.
Definition logit_flow_model := Logit.logit_flow 2 first_2 mix2 (leaf 0) (up_flow 0) 1 mix2_unit (up_flows 0 1).
Definition node (f : nat -> R) (_ : nat) := f.
Lemma node_flows : forall s v j, 0 <= s <= 1 -> (v < 1)%nat -> (j < 2)%nat ->
  is_derive (fun s => node (up_flow 0 s) v j) s (one v * (node (leaf 0) v j - Logit.softmax 2 (node (up_flow 0 s) v) j)).
Proof. intros s v j _ _ Hj. eapply derive_value; [exact (up_flows 0 s j Hj)|]. unfold node, one. ring. Qed.
Definition logit_flow_tree_model := LogitTree.logit_flow_tree 1 2 first_2 one one (node mix2) (node (leaf 0)) (fun s => node (up_flow 0 s)) 1
  (fun v _ => mix2_unit) (fun v j Hv Hj => node_flows 1 v j (conj zero_one (Rle_refl 1)) Hv Hj).
Lemma balance : forall j, (j < 2)%nat -> (Σ i < 2, one i * (two i j - mix2 j)) = 0.
Proof. below_two; unfold one, two, mix2; cbn; field. Qed.
Definition logit_conservation_model := Logit.logit_conservation 2 2 one two mix2 (leaf 0) balance.
Lemma balance_mix : forall j, (j < 2)%nat -> mix2 j = Σ i < 2, coin i * two i j.
Proof. below_two; unfold coin, two, mix2; cbn; field. Qed.
Definition logit_sum_rule_model := Logit.logit_sum_rule 2 2 two mix2 coin 0 first_2 coin_unit balance_mix.
Lemma any_time_start : forall j, (j < 2)%nat -> (Σ i < 2, coin i * two i j) = Sum 2 coin * Logit.softmax 2 (up_flow 0 0) j.
Proof. intros j Hj. rewrite even_start, coin_unit, <- balance_mix by auto. unfold mix2. ring. Qed.
Definition logit_sum_rule_any_time_model := LogitFlow.logit_sum_rule_any_time 2 2 coin two (up_flow 0 0) (up_flow 0 1) first_2 two_unit (eq_ind_r
  (Rle 0) zero_one coin_unit) any_time_start.
(* three disjoint parts with weights 8/10, 1/10, 1/10 *)
Definition shares (i : nat) := match i with 0%nat => 8/10 | _ => 1/10 end.
Lemma leaf_inner : forall i t, (i < 3)%nat -> (t < 3)%nat -> Logit.inner 3 (leaf i) (leaf t) = if Nat.eqb i t then 1 else 0.
Proof. intros [|[|[|i]]] [|[|[|t]]] Hi Ht; try lia; unfold Logit.inner, leaf; cbn; ring. Qed.
Lemma leaf_inner_apart : forall i t, (i < 3)%nat -> (t < 3)%nat -> i <> t -> Logit.inner 3 (leaf i) (leaf t) = 0.
Proof. intros i t Hi Ht D. rewrite leaf_inner by auto. destruct (Nat.eqb_spec i t); [contradiction|reflexivity]. Qed.
Definition logit_return_threshold_model := Logit.logit_return_threshold 3 3 leaf (fun j => Σ i < 3, shares i * leaf i j) leaf_inner_apart shares
  (fun j _ => eq_refl) 1 2 ltac:(lia) ltac:(lia) ltac:(lia).
Definition logit_return_threshold_equal_model := Logit.logit_return_threshold_equal 3 3 leaf
  (fun j => Σ i < 3, (if Nat.eqb i 0 then 8/10 else (1 - 8/10) / INR (3 - 1)) * leaf i j) 1
    (8/10) 1 2 ltac:(lia) ltac:(lia) ltac:(lia) ltac:(lia) pos_1 leaf_inner (fun j _ => eq_refl).
Lemma leaf_0_unit : Sum 2 (leaf 0) = 1. Proof. apply leaf_unit. lia. Qed.
Lemma leaf_1_unit : Sum 2 (leaf 1) = 1. Proof. apply leaf_unit. lia. Qed.
Lemma up_runs : forall s j, 0 <= s <= 1 -> (j < 2)%nat -> is_derive (fun s => up_flow 0 s j) s (leaf 0 j - Logit.softmax 2 (up_flow 0 s) j).
Proof. intros. apply up_flows; auto. Qed.
Definition logit_forgetting_equalises_model := LogitFlow.logit_forgetting_equalises 2 (leaf 0) (up_flow 0) 1 first_2 zero_one leaf_0_unit up_runs.
Definition logit_forgetting_equalises_limit_model := LogitLimit.logit_forgetting_equalises_limit 2 (leaf 0) (up_flow 0) first_2
  (fun j H => leaf_nonneg 2 2 0 j first_2 H) leaf_0_unit
  (fun s j _ Hj => up_flows 0 s j Hj).
Lemma only_0 : forall j, (j < 2)%nat -> Nat.eqb j 0 = false -> leaf 0 j = 0.
Proof. below_two; unfold leaf; simpl; [discriminate|auto]. Qed.
Definition logit_return_bound_model := LogitFlow.logit_return_bound 2 (leaf 0) (up_flow 0) 1 first_2 zero_one leaf_0_unit up_runs
  (fun j => Nat.eqb j 0) (leaf 1) only_0
  (fun j H => leaf_nonneg 2 2 1 j below_2 H) leaf_1_unit (fun j H => leaf_apart 2 2 0 1 j below_2 H ltac:(lia)).
Lemma common_start : forall v j, (v < 1)%nat -> (j < 2)%nat ->
  1 * one v * node mix2 v j + 1 * one v * node (leaf 1) v j + 1 * one v * node (leaf 0) v j
  = (1 * one v + 1 * one v + 1 * one v) * Logit.softmax 2 (node (up_flow 0 0) v) j.
Proof. intros v j _ Hj. unfold node at 4. rewrite even_start by auto. revert j Hj. below_two; unfold one, node, mix2, leaf; cbn; field. Qed.
Definition logit_only_common_nodes_model := LogitFlow.logit_only_common_nodes 1 2 1 1 1 one one one (node mix2) (node (leaf 1)) (node (leaf 0))
  (fun s => node (up_flow 0 s)) 1 first_2 zero_one
  (conj pos_1 (conj pos_1 pos_1)) (fun _ _ => conj zero_one (conj zero_one zero_one)) (fun _ _ => leaf_1_unit)
    (fun _ _ => leaf_0_unit) node_flows common_start.
Lemma leaf_below i j : leaf i j <= 1.
Proof. unfold leaf. destruct (Nat.eqb i j); lra. Qed.
Definition softmax_linear_range_model := LinearRange.softmax_linear_range 2 (two 0) (up_flow 0 0) (leaf 0) 0 1 first_2 unit_0
  (fun j H => conj (leaf_nonneg 2 2 0 j first_2 H) (leaf_below 0 j)).
Definition P0 (j : nat) := Nat.eqb j 0.
Lemma mp_1 : ExchangeRate.mp 2 P0 = 1. Proof. unfold ExchangeRate.mp, P0. cbn. ring. Qed.
Lemma ma_1 : ExchangeRate.ma 2 P0 = 1. Proof. unfold ExchangeRate.ma, P0. cbn. ring. Qed.
Lemma rate_up : forall s j, 0 <= s <= 1 -> (j < 2)%nat -> is_derive (fun s => up_flow 0 s j) s (ExchangeRate.pp 2 P0 j - Logit.softmax 2
  (up_flow 0 s) j).
Proof.
  intros s j _ Hj. eapply derive_value; [apply (up_flows 0 s j Hj)|]. f_equal. unfold ExchangeRate.pp. rewrite mp_1. revert j Hj.
  below_two; unfold P0, leaf; simpl; [field|auto].
Qed.
Lemma rate_down : forall s j, 0 <= s <= 1 -> (j < 2)%nat ->
  is_derive (fun s => down_flow (- up_flow 0 1 0 * 2) s j) s (ExchangeRate.pa 2 P0 j - Logit.softmax 2 (down_flow (- up_flow 0 1 0 * 2) s) j).
Proof.
  intros s j _ Hj. eapply derive_value; [apply (down_flows _ s j Hj)|]. f_equal. unfold ExchangeRate.pa. rewrite ma_1. revert j Hj.
  below_two; unfold P0, leaf; simpl; [auto|field].
Qed.
Lemma goes_on : forall j, (j < 2)%nat -> down_flow (- up_flow 0 1 0 * 2) 0 j = up_flow 0 1 j.
Proof. below_two; unfold down_flow; simpl (1 - _)%nat; unfold up_flow at 1; rewrite g_start; unfold up_flow; field. Qed.
Definition logit_exchange_rate_model := ExchangeRate.logit_exchange_rate 2 P0 0 1 (conj first_2 eq_refl) (conj below_2 eq_refl) (up_flow 0)
  (down_flow (- up_flow 0 1 0 * 2)) 1 1
  zero_one zero_one up_starts rate_up goes_on rate_down.

(* --- measured models --- *)
Lemma even_scores : forall s, (s < 2)%nat -> (Σ j < 2, mix2 j * leaf s j / Effective.mix 2 leaf coin j) <= 1.
Proof. below_two; unfold mix2, leaf, Effective.mix, coin; cbn; lra. Qed.
Lemma coin_mix : forall j, (j < 2)%nat -> 0 < Effective.mix 2 leaf coin j.
Proof. below_two; unfold Effective.mix, leaf, coin; cbn; lra. Qed.
Lemma effective_volumes_concave_model : forall w', (forall s, (s < 2)%nat -> 0 <= w' s) -> Sum 2 w' = 1 -> (forall j, (j < 2)%nat ->
  0 < Effective.mix 2 leaf w' j) ->
  Effective.likelihood 2 2 leaf mix2 w' <= Effective.likelihood 2 2 leaf mix2 coin.
Proof. exact (proj2 (Effective.effective_volumes_concave 2 2 leaf mix2 mix2_nonneg coin mix2_unit coin_mix) even_scores). Qed.
(* one node, two leaves of mass 2/3 and 1/3, an LM with probabilities 1/2 *)
Lemma step_node : forall x t, (x < 2)%nat -> (t < 1)%nat -> (0 < 1)%nat /\ (x < 2)%nat. Proof. intros; lia. Qed.
Lemma halves : forall v : nat, (Σ a < 2, 1/2) <= 1. Proof. intros. cbn. lra. Qed.
Lemma root_mass : forall x, (x < 2)%nat -> LogitTree.mass 2 2 (Depth.takes (fun _ => 1%nat) (fun _ _ => 0%nat) (fun x _ => x)) (two 0) 0 = 1.
Proof. intros x _. unfold LogitTree.mass, LogitTree.joint, Depth.takes, two. cbn. field. Qed.
Lemma no_second : forall x t, (x < 2)%nat -> (S t < 1)%nat ->
  LogitTree.joint 2 (Depth.takes (fun _ => 1%nat) (fun _ _ => 0%nat) (fun x _ => x)) (two 0) 0 x = LogitTree.mass 2 2 (Depth.takes (fun _ => 1%nat)
    (fun _ _ => 0%nat) (fun x _ => x)) (two 0) 0.
Proof. intros; lia. Qed.
Lemma leaf_weight : forall x t, (x < 2)%nat -> S t = 1%nat ->
  LogitTree.joint 2 (Depth.takes (fun _ => 1%nat) (fun _ _ => 0%nat) (fun x _ => x)) (two 0) 0 x = two 0 x.
Proof. intros [|[|x]] t Hx _; try lia; unfold LogitTree.joint, Depth.takes, two; cbn; field. Qed.
Lemma path_code : forall x, (x < 2)%nat -> ln (mix2 x) = Σ t < 1, ln (1/2). Proof. intros. unfold mix2. cbn. ring. Qed.
Definition effective_depth_chain_rule_model := Depth.effective_depth_chain_rule 2 1 2 1 (two 0) (fun _ => 1%nat) (fun _ _ => 0%nat) (fun x _ => x)
  (fun _ _ => 1/2) (fun _ => 0%nat)
  pos_0 step_node (fun _ _ => half_pos) halves (fun _ _ => Nat.lt_0_1) root_mass no_second leaf_weight
    (fun _ _ => Nat.lt_0_1) mix2 mix2_pos path_code.

(* --- any differentiable model: losses (x - 1)² and (x + 1)² of one weight --- *)
Definition zero (_ : nat) := 0.
Definition centre (i : nat) := match i with 0%nat => 1 | _ => -1 end.
Definition square i (x : nat -> R) := (x 0%nat - centre i) * (x 0%nat - centre i).
Definition slope_at (x : nat -> R) i (c : nat) := 2 * (x 0%nat - centre i).
Lemma square_gradient x : forall i, (i < 2)%nat -> Parametric.has_gradient 1 (square i) x (slope_at x i).
Proof.
  intros i _ th s v <- P. unfold square, slope_at, Logit.inner. cbn [Sum]. pose proof (P 0%nat Nat.lt_0_1) as D.
  assert (D1 : is_derive (fun u => th u 0%nat - centre i) s (v 0%nat)) by (eapply derive_value; [apply derive_minus;
    [exact D|apply derive_const]|ring]).
  eapply derive_value; [exact (derive_mult _ _ s _ _ D1 D1)|]. cbv beta. ring.
Qed.
Definition line (u : R) (_ : nat) := u.
Lemma line_path s : Parametric.path 1 line s one. Proof. intros c _. apply derive_id. Qed.
Definition parametric_first_order_model := Parametric.parametric_first_order 1 2 one square (slope_at zero) zero
  (square_gradient zero) line 0 one eq_refl (line_path 0).
Lemma norm_2 : sqrt (Logit.inner 1 (fun _ => -2) (fun _ => -2)) = 2.
Proof. replace (Logit.inner 1 (fun _ => -2) (fun _ => -2)) with (2 * 2) by (unfold Logit.inner; cbn; ring). apply sqrt_square. lra. Qed.
Lemma norm_1 : sqrt (Logit.inner 1 one one) = 1.
Proof. replace (Logit.inner 1 one one) with (1 * 1) by (unfold Logit.inner, one; cbn; ring). apply sqrt_square. lra. Qed.
Lemma parametric_converse_model : forall c, (c < 1)%nat -> 2 * one c + -2 = 0.
Proof.
  apply (proj2 (Parametric.parametric_converse 1 one (fun _ => -2))); rewrite ?norm_2, ?norm_1; [unfold Logit.inner, one; cbn;
    lra|unfold Logit.inner, one; cbn; ring|field].
Qed.
Lemma total_square : forall s, is_derive (fun s => 1 * (s * s / 2 - s) + (s * s / 2 + s)) s (2 * s).
Proof. intros s. auto_derive; auto. field. Qed.
Lemma total_bends : is_derive (fun s => 2 * s) 0 2.
Proof. auto_derive; auto. ring. Qed.
Definition parametric_second_order_model := Parametric.parametric_second_order 1 (fun s => s * s / 2 - s) (fun s => s * s / 2 + s)
  (fun s => 2 * s) 2 pos_1
  total_square (Rmult_0_r 2) total_bends.
Definition parametric_second_order_turn_model := Parametric.parametric_second_order_turn 1 1 1 0 0 0 pos_1 pos_1 pos_1.
Definition hessian (_ _ : nat) := 4.
Lemma hessian_response : forall t c, (t < 2)%nat -> (c < 1)%nat ->
  Parametric.apply 1 hessian (fun c => - slope_at zero t c / 4) c = - slope_at zero t c.
Proof. intros t c _ _. unfold Parametric.apply, Logit.inner, hessian. cbn. unfold slope_at. field. Qed.
Lemma hessian_positive : forall v, 0 <= Logit.inner 1 (Parametric.apply 1 hessian v) v /\ (Logit.inner 1 (Parametric.apply 1 hessian v) v = 0 ->
  forall c, (c < 1)%nat -> v c = 0).
Proof.
  intros v. unfold Parametric.apply, Logit.inner, hessian. cbn [Sum]. pose proof (Rle_0_sqr (v 0%nat)) as S. unfold Rsqr in S. split; [lra|].
  intros E [|c] Hc; [|lia]. apply Rsqr_0_uniq. unfold Rsqr. lra.
Qed.
Definition parametric_influence_model := Parametric.parametric_influence 1 2 one (slope_at zero) hessian (fun t c => - slope_at zero t c / 4)
  (fun _ _ => eq_refl) hessian_response hessian_positive
  0 1 first_2 below_2.
(* the branch of minima of (x-1)² + (x+1)² + s (x-1)² is s/(2+s) *)
Definition branch (s : R) (_ : nat) := s / (2 + s).
Lemma branch_path : Parametric.path 1 branch 0 (fun _ => 1/2).
Proof. intros c _. unfold branch. auto_derive; [lra|field]. Qed.
Lemma branch_gradient : forall i c, (i < 2)%nat -> (c < 1)%nat -> Parametric.has_gradient 1 (fun x => slope_at x i c) (branch 0) (fun _ => 2).
Proof.
  intros i c _ _ th s v E P. unfold slope_at, Logit.inner. cbn [Sum].
  eapply derive_value; [apply derive_scal, derive_minus; [exact (P 0%nat Nat.lt_0_1)|apply derive_const]|ring].
Qed.
Lemma branch_stationary : forall s c, Rabs s < 1 -> (c < 1)%nat -> (Σ i < 2, one i * slope_at (branch s) i c) + s * slope_at (branch s) 0 c = 0.
Proof. intros s c H _. apply Rabs_def2 in H. unfold one, slope_at, branch, centre. cbn. field. lra. Qed.
Definition parametric_influence_response_model := Parametric.parametric_influence_response 1 2 one 0 (fun i c x => slope_at x i c)
  (fun _ _ _ => 2) branch (fun _ => 1/2) 1
  branch_gradient first_2 branch_path pos_1 branch_stationary.
(* (x-1)² with weight decay 2 stays at 1/2 *)
Definition half_way (_ : nat) := 1/2.
Lemma decay_stationary : forall c, (c < 1)%nat ->
  is_derive (fun s => (Σ i < 1, one i * square i (fun e => half_way e + (if Nat.eqb e c then s else 0)))
    + 2 / 2 * (Σ e < 1, (half_way e + (if Nat.eqb e c then s else 0)) * (half_way e + (if Nat.eqb e c then s else 0)))) 0 0.
Proof. intros [|c] Hc; [|lia]. unfold one, square, half_way, centre. cbn. auto_derive; auto. field. Qed.
Definition parametric_weight_decay_model := Parametric.parametric_weight_decay 1 1 one square (slope_at half_way) half_way
  (fun i Hi => square_gradient half_way i (Nat.lt_lt_succ_r i 1 Hi)) 2 decay_stationary.
(* a Hessian that is not diagonal, ((2, 1), (1, 2)), from (1, 1): e^{-3t} *)
Definition coupled (b c : nat) := if Nat.eqb b c then 2 else 1.
Definition decays (t : R) (_ : nat) := exp (- t * 3).
Lemma decays_descend : forall t c, 0 <= t <= 1 -> (c < 2)%nat ->
  is_derive (fun t => decays t c) t (- Parametric.apply 2 coupled (fun b => decays t b - zero b) c).
Proof.
  intros t c _ Hc. eapply derive_value.
  - unfold decays. instantiate (1 := -3 * exp (- t * 3)). auto_derive; auto. ring.
  - revert c Hc. below_two; unfold Parametric.apply, Logit.inner, coupled, decays, zero; cbn; ring.
Qed.
Definition parametric_early_stopping_model := EarlyStopping.parametric_early_stopping 2 coupled decays zero 1 zero_one decays_descend.
Lemma decays_axis : forall c, (c < 2)%nat -> Parametric.apply 2 coupled (fun b => decays 0 b - zero b) c = 3 * (decays 0 c - zero c).
Proof. below_two; unfold Parametric.apply, Logit.inner, coupled, decays, zero; cbn; ring. Qed.
Definition parametric_early_stopping_axis_model := EarlyStopping.parametric_early_stopping_axis 2 coupled decays zero 1 zero_one decays_descend 3 decays_axis.
Definition parametric_softmax_is_the_tree_model := ParametricSoftmax.parametric_softmax_is_the_tree 2 2 one two first_2 two_unit two_joint two_total.
