(* pareto-overlap-below-one for any mean over three draws, those of a continuous law among them (docs/theory.md, The elasticity theorem,
   Pareto masses). A mean is a number for each function that a multiple of x + y + z bounds: linear, not negative where the function is not, and
   the same when the draws change places. That the mean over independent Pareto draws with alpha > 1 is such a one is classical. *)
From Coq Require Import Reals Lra.
Open Scope R_scope.

Section AnyMean.
Variable E : (R -> R -> R -> R) -> R.
Let tame (g : R -> R -> R -> R) := exists C, forall x y z, 0 < x -> 0 < y -> 0 < z -> Rabs (g x y z) <= C * (x + y + z).
Hypothesis linear : forall a b g h, tame g -> tame h -> E (fun x y z => a * g x y z + b * h x y z) = a * E g + b * E h.
Hypothesis positive : forall g, tame g -> (forall x y z, 0 < x -> 0 < y -> 0 < z -> 0 <= g x y z) -> 0 <= E g.
Hypothesis cyclic : forall g, tame g -> E (fun x y z => g y z x) = E g.

Lemma tame_linear a b g h : tame g -> tame h -> tame (fun x y z => a * g x y z + b * h x y z).
Proof.
  intros [C G] [D H]. exists (Rabs a * C + Rabs b * D). intros x y z X Y Z. specialize (G x y z X Y Z). specialize (H x y z X Y Z).
  eapply Rle_trans; [apply Rabs_triang|]. rewrite !Rabs_mult. pose proof (Rabs_pos a). pose proof (Rabs_pos b). nra.
Qed.
Lemma tame_turn g : tame g -> tame (fun x y z => g y z x).
Proof. intros [C G]. exists C. intros x y z X Y Z. replace (x + y + z) with (y + z + x) by ring. auto. Qed.
Lemma same g h : tame g -> tame h -> (forall x y z, 0 < x -> 0 < y -> 0 < z -> g x y z = h x y z) -> E g = E h.
Proof.
  intros G H S.
  assert (0 <= 1 * E g + -1 * E h).
  { rewrite <- linear by auto. apply positive; [apply tame_linear; auto|]. intros x y z X Y Z. rewrite (S x y z) by auto. lra. }
  assert (0 <= 1 * E h + -1 * E g).
  { rewrite <- linear by auto. apply positive; [apply tame_linear; auto|]. intros x y z X Y Z. rewrite (S x y z) by auto. lra. }
  lra.
Qed.
(* the sum over the three turns of the draws *)
Definition turns (g : R -> R -> R -> R) x y z := 1 * g x y z + 1 * (1 * g y z x + 1 * g z x y).
Lemma tame_turns g : tame g -> tame (turns g).
Proof. intros G. pose proof (tame_turn g G). unfold turns. repeat (apply (tame_linear 1 1); auto). apply (tame_turn _ H). Qed.
Lemma mean_turns g : tame g -> E (turns g) = 3 * E g.
Proof.
  intros G. pose proof (tame_turn g G) as G1. pose proof (tame_turn _ G1) as G2. cbv beta in G2.
  assert (E1 : E (fun x y z => g y z x) = E g) by apply cyclic, G.
  assert (E2 : E (fun x y z => g z x y) = E g) by (rewrite <- E1; apply (cyclic _ G1)).
  unfold turns. rewrite (linear 1 1 g (fun x y z => 1 * g y z x + 1 * g z x y)), (linear 1 1 (fun x y z => g y z x) (fun x y z => g z x y)); auto.
  - lra.
  - apply (tame_linear 1 1); auto.
Qed.

Lemma bounded (g : R -> R -> R -> R) : (forall x y z, 0 < x -> 0 < y -> 0 < z -> 0 <= g x y z <= x + y + z) -> tame g.
Proof. intros G. exists 1. intros x y z X Y Z. destruct (G x y z X Y Z). rewrite Rabs_pos_eq; lra. Qed.
Lemma product x y z : 0 < x -> 0 < y -> 0 < z -> 0 <= y * z <= (x + y + z) * (x + y + z).
Proof. intros X Y Z. pose proof (Rmult_lt_0_compat y z Y Z). pose proof (Rmult_lt_0_compat x y X Y). pose proof (Rmult_lt_0_compat x z X Z). nra. Qed.
Lemma square x y z : 0 < x -> 0 < y -> 0 < z -> 0 <= Rsqr (x - y) / 2 <= (x + y + z) * (x + y + z).
Proof.
  intros X Y Z. pose proof (Rmult_lt_0_compat x y X Y). pose proof (Rmult_lt_0_compat y z Y Z). pose proof (Rmult_lt_0_compat x z X Z).
  pose proof (Rle_0_sqr (x - y)). unfold Rsqr in *. nra.
Qed.
Lemma part a t : 0 <= a <= t * t -> 0 < t -> 0 <= a / t <= t.
Proof.
  intros [A B] T. assert (0 < / t) by (apply Rinv_0_lt_compat, T). split; [unfold Rdiv; nra|].
  apply Rmult_le_reg_r with t; [exact T|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.

Theorem pareto_overlap_below_one_any_mean :
  let EX := E (fun x _ _ => x) in let YZ := E (fun x y z => y * z / (x + y + z)) in
  let gap := E (fun x y z => Rsqr (x - y) / (2 * (x + y + z))) in
  EX - 3 * YZ = gap /\ 0 <= YZ /\ 3 * YZ <= EX /\
  ((forall g, tame g -> (forall x y z, 0 < x -> 0 < y -> 0 < z -> 0 <= g x y z) ->
    (forall x y z, 0 < x -> 0 < y -> 0 < z -> x <> y -> 0 < g x y z) -> 0 < E g) -> 3 * YZ / EX < 1).
Proof.
  cbv zeta. set (X := fun x _ _ : R => x). set (P := fun x y z : R => y * z / (x + y + z)).
  set (G := fun x y z : R => Rsqr (x - y) / (2 * (x + y + z))).
  assert (TX : tame X) by (apply bounded; unfold X; intros; lra).
  assert (TP : tame P) by (apply bounded; intros x y z Hx Hy Hz; apply part; [apply product; auto|lra]).
  assert (NG : forall x y z, 0 < x -> 0 < y -> 0 < z -> 0 <= G x y z <= x + y + z).
  { intros x y z Hx Hy Hz. unfold G. replace (Rsqr (x - y) / (2 * (x + y + z))) with (Rsqr (x - y) / 2 / (x + y + z)) by (field; lra).
    apply part; [apply square; auto|lra]. }
  assert (TG : tame G) by (apply bounded, NG).
  assert (I : E X - 3 * E P = E G).
  { apply (Rmult_eq_reg_l 3); [|lra]. rewrite <- (mean_turns G TG).
    rewrite (same (turns G) (fun x y z => 1 * turns X x y z + -3 * turns P x y z)).
    - rewrite (linear 1 (-3) (turns X) (turns P)), !mean_turns; auto using tame_turns. ring.
    - apply tame_turns, TG.
    - apply tame_linear; apply tame_turns; auto.
    - intros x y z Hx Hy Hz. unfold turns, X, P, G, Rsqr. field. lra. }
  assert (0 <= E P) by (apply positive; [exact TP|]; intros x y z Hx Hy Hz; apply part; [apply product; auto|lra]).
  assert (0 <= E G) by (apply positive; [exact TG|]; intros; apply NG; auto).
  repeat split; auto; [lra|]. intros S.
  assert (0 < E G).
  { apply S; [exact TG|intros; apply NG; auto|]. intros x y z Hx Hy Hz D. unfold G. apply Rmult_lt_0_compat; [|apply Rinv_0_lt_compat; lra].
    apply Rsqr_pos_lt. lra. }
  apply Rmult_lt_reg_r with (E X); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.
End AnyMean.
